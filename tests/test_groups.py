"""Tests that share something dear run in one process: pytest-xdist has to see their groups."""

import pytest


@pytest.mark.xdist_group("groups")
def test_groups_are_seen(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("loadgroup", default=False):
        pytest.skip("groups are not asked for: --dist loadgroup")
    assert request.node.nodeid.endswith("@groups")  # what `--dist loadgroup` goes by
