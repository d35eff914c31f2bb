"""Shows a push: its progress and its result."""
