"""What the end-to-end tests start ends with them, also when it could not come up."""

import subprocess

import pytest

from deployments.local.leftovers import find_leftovers
from tests.e2e.local_stack import local_stack

pytestmark = pytest.mark.e2e


def test_a_stack_that_does_not_come_up_in_time_is_ended(tmp_path):
    with pytest.raises(subprocess.TimeoutExpired), local_stack(tmp_path, up_within=3):
        pytest.fail("a whole stack in three seconds")

    assert find_leftovers(tmp_path / "stack") == []
