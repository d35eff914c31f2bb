"""Uploads of mutations, each from its first row to the outcome of its last."""
