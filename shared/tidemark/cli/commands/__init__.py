"""The commands, each a function that Typer reads: its parameters, and its docstring as help."""
