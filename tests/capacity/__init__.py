"""AWS's limits under load, simulated."""
