"""States of a dataset: published, resolved, read and compared."""
