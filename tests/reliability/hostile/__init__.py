"""Hostile input: requests outside the API description, costly bodies and random bytes."""

import os

# The API's module reads these when it is imported, and `make faults` runs without the tests' settings.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Tidemark")
os.environ.setdefault("POWERTOOLS_TRACE_DISABLED", "1")
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
