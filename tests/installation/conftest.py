"""What the tests of steering share."""

from __future__ import annotations

import pytest
from tests.installation.days import Days

from tidegate import Installation


@pytest.fixture
def days(two_versions: Installation) -> Days:
    two_versions.set_traffic("flight", {"1": 1.0}, shadows=["2"])
    return Days(two_versions)
