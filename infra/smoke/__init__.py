"""The smoke test of a deployment: `make smoke` uses what Tidemark offers once and compares what comes back."""
