"""Hostile input: requests that the description does not allow, bodies made to be costly, and bytes at random."""
