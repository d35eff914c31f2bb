"""Hostile input: requests outside the API description, costly bodies and random bytes."""
