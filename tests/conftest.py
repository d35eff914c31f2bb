"""Settings of all tests: how much the properties explore, and an AWS that nobody pays for."""

import os

from hypothesis import HealthCheck, settings

os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")

# Schedules and large models are slow to make on a busy machine; that is no fault of theirs.
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("fast", max_examples=40, derandomize=True, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("nightly", max_examples=500, print_blob=True, deadline=None, suppress_health_check=_SLOW)
settings.load_profile("fast")
