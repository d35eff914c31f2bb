"""Pushes rows to a dataset, in mutation requests or as whole files."""
