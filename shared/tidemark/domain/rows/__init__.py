"""Reads bytes into validated rows."""
