"""Who may call what, and that nobody reaches what is another project's: the API behind its real authorizer, on moto."""
