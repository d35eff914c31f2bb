"""Resuming after a crash, retrying, and giving up."""
