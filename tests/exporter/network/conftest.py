"""The idioms of tests/exporter/idioms.py, each built once."""

from functools import cache
from pathlib import Path

import pytest

from exporter.network.plain_model import plain_model
from tests.exporter.idioms import idiom


@pytest.fixture(scope="session")
def idioms():
    """Return a function that gives the network of an idiom, as it was built and in plain form."""

    @cache
    def built(name: str):
        model = idiom(name)
        return model, plain_model(model, Path("network.keras"))

    return built
