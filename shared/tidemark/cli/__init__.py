"""The command line; it reaches the service through `client` only and is not deployed."""
