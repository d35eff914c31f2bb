"""What the system does: each operation that a function, or a command, calls."""
