"""The end of a dataset: archived, then purged."""
