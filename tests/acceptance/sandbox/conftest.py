import os
import sys
from pathlib import Path

import pytest


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A function's unpacked package, readable by everybody as the artifacts room leaves it."""
    place = tmp_path / "code"
    place.mkdir()
    (place / "handler.py").write_text("")
    return place


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`root` tests are for root, and real sandboxes for Linux; elsewhere there is nothing to test."""
    for item in items:
        if "acceptance/sandbox" not in str(item.path):
            continue
        if sys.platform != "linux":
            item.add_marker(pytest.mark.skip(reason="sandboxes are Linux's"))
        elif item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root: users of the host's own for sandboxes, or its control groups"))
