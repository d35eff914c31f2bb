"""Random loads in random accounts: a few seeds. `python -m tests.reliability.limits 0 200` runs more."""

import pytest

from tests.reliability.limits import random_loads


@pytest.mark.parametrize("seed", range(4))
def test_a_random_load_loses_nothing_and_fails_no_row(seed: int) -> None:
    random_loads.run(seed)
