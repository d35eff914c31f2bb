"""Tests, and the environment that the code under test reads when it is imported."""

import os

# boto3 reads these; moto and the emulator accept any credentials.
os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
# Powertools and the handlers read these.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Tidemark")
os.environ.setdefault("POWERTOOLS_TRACE_DISABLED", "1")
os.environ.setdefault("TIDEMARK_TABLE", "none")
