"""docs/measurements/parity.md has the bounds of the tests and the values that they measured."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import pytest

from tests.contract.bounds import BOUNDS
from tests.environments import ROOT


@pytest.fixture(scope="module")
def script() -> Any:
    """The module scripts/parity_page.py."""
    spec = spec_from_file_location("parity_page", ROOT / "scripts/parity_page.py")
    assert spec is not None
    module = module_from_spec(spec)
    assert spec.loader is not None
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page(script: Any) -> str:
    text: str = script.PAGE.read_text(encoding="utf-8")
    return text


def test_page_is_the_generated_one(script: Any, page: str) -> None:
    """Proves that every table comes from the constants and measured values. After a change run `make parity`."""
    assert script.filled(page) == page


def test_page_has_every_bound_of_the_tests(page: str) -> None:
    """Proves, without the generator, that each bound is on the page once with its number."""
    for bound in BOUNDS.values():
        [shown] = re.findall(
            rf"^\| {re.escape(bound.compared)} \| {re.escape(bound.measure)} \| (.*?) \|", page, re.M
        )
        assert shown.removeprefix("at least ") == bound.shown
        assert value_of(bound.shown) == pytest.approx(bound.limit)


def test_measured_values_keep_their_bounds(script: Any) -> None:
    """Proves that every bound was measured, and that no value on the page is beyond its bound."""
    measured = script.json.loads(script.MEASURED.read_text(encoding="utf-8"))
    assert measured.keys() == BOUNDS.keys()
    for key, values in measured.items():
        assert all(BOUNDS[key].holds(value) for value in values.values()), key


def test_every_fault_is_noticed(script: Any, page: str) -> None:
    """Proves that the page lists the faults of the mutation check, and that the tests noticed each."""
    found = script.json.loads(script.MUTATIONS.read_text(encoding="utf-8"))
    names = re.findall(r'Mutation\(\s+"(.+?)",', (ROOT / "scripts/mutation_check.py").read_text(encoding="utf-8"))
    assert list(found) == names
    assert all(found.values())


def value_of(shown: str) -> float:
    """Return the number of a bound as the page prints it."""
    number, _, divisor = shown.removesuffix(" %").partition("/")
    return float(number) / float(divisor or 1) / (100 if shown.endswith("%") else 1)
