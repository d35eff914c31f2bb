"""`tidemark`: the command line. It knows the service by its HTTPS API alone, as any other client does.

Nothing of `services` and `store` is imported here, and nothing imports this: the functions are deployed without it.
"""
