"""Sends rows to a dataset, in requests or as files."""
