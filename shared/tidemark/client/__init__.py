"""The HTTPS API and signed URLs from the caller's side."""
