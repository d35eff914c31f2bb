"""Calls the HTTPS API, and transfers files by signed URLs."""
