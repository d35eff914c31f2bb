"""Settings for all tests: Hypothesis profiles and how tests are spread over processes."""

from typing import Any

from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

# Schedules and large models are slow to generate on a busy machine.
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("quick", max_examples=5, derandomize=True, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("fast", max_examples=40, derandomize=True, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("nightly", max_examples=500, print_blob=True, deadline=None, suppress_health_check=_SLOW)
settings.load_profile("fast")


class StackTogether(LoadScopeScheduling):  # type: ignore[misc]  # it carries no types
    """Spreads tests over processes, but runs all tests of the deployed stack in one process, on one emulator.

    pytest-xdist's group marks would do the same, but have no effect with this version of pytest.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "stack" if nodeid.startswith("tests/stack/") else nodeid


def pytest_xdist_make_scheduler(config: Any, log: Any) -> StackTogether | None:
    """Returns the scheduler of `--dist loadscope`; None leaves other values to pytest-xdist."""
    return StackTogether(config, log) if config.option.dist == "loadscope" else None
