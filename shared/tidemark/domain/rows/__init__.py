"""From bytes to validated rows."""
