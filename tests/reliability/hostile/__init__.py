"""Hostile input: requests that the description does not allow, bodies made to be costly, and bytes at random."""

import os

# What the API's module looks for when it is loaded: `make faults` runs without the settings of the tests.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Tidemark")
os.environ.setdefault("POWERTOOLS_TRACE_DISABLED", "1")
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
