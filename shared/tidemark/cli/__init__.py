"""The command line, which calls the service only through `client` and is not deployed."""
