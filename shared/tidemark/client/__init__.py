"""The HTTPS client of the Tidemark service, and file transfers by signed URLs."""
