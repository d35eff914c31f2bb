"""Access: who may call what, and that nobody reaches another project. The API behind its real authorizer, on moto."""
