"""Fixtures of all tests."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

PAUSE = 0.01


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """``wait_until(condition, deadline=15.0)`` waits for an event of another process or thread."""

    def wait(condition: Callable[[], object], deadline: float = 15.0) -> None:
        end = time.monotonic() + deadline
        while not condition():
            assert time.monotonic() < end, f"not within {deadline} s"
            time.sleep(PAUSE)

    return wait
