"""Shows the progress of a push, and its result."""
