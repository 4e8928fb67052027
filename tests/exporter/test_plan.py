"""What an export is asked for when nothing is said, and that the command line asks for the same."""

from dataclasses import FrozenInstanceError

import pytest

from exporter.cli import main
from exporter.plan import ExportPlan
from tests.exporter.conftest import target

PLAN = ExportPlan((target("tflite", "int8"),))


def test_the_defaults_are_those_of_the_command():
    """Proves that an export from Python and one from the command line are the same where nothing is said."""
    context = main.make_context("catdog-export", [])
    for name in ("calibration_count", "seed", "calibration", "max_drop", "repair"):
        assert getattr(PLAN, name) == context.params[name], name


def test_the_default_limit_is_one_point():
    """Proves that without a word no file passes that may have lost more than a hundredth of its accuracy."""
    assert PLAN.max_drop == 0.01


def test_a_plan_does_not_change():
    """Proves that what was asked for is still what was asked for when the report is written."""
    with pytest.raises(FrozenInstanceError):
        PLAN.seed = 1
