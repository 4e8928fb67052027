"""The bundles that emulated processors run."""

from pathlib import Path

import pytest

from tests.contract.conftest import SHIPPED, bundle_and_run


@pytest.fixture(scope="module", params=["trained", *SHIPPED])
def name(request: pytest.FixtureRequest) -> str:
    """What docs/measurements/parity.md calls the bundle under test."""
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="module")
def folder(name: str, request: pytest.FixtureRequest) -> Path:
    """The bundle under test."""
    return bundle_and_run(name, request)[0]
