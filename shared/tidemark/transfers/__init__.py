"""Roll back and clone: a dataset takes frames from a version without copying payloads."""
