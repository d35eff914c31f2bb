"""The command line. It reaches the service only through `client`, and is not deployed."""
