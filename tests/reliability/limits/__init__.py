"""The functions in a simulated AWS with its limits: conflicts, throttling, few executions, stopped loops."""
