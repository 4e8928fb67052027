"""What is said of the machine: real figures of this one, and the flags of a Raspberry Pi."""

import json
import os
import platform
import re
import time
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.run.conditions import Conditions, available_memory_mib, machine, observe, throttled_bits
from tests.benchmarks.records import MACHINE, QUIET

WORDS = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")
on_linux = pytest.mark.skipif(not os.path.exists("/proc/stat"), reason="read from /proc, which Linux has")


@pytest.fixture
def vcgencmd(tmp_path, monkeypatch):
    """Puts a real program `vcgencmd` on the path that prints so; returns what installs it."""

    def install(script):
        path = tmp_path / "vcgencmd"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return install


def test_the_state_survives_json():
    """Proves that what is read back from JSON equals what was written, tuples included."""
    for state in (QUIET, replace(QUIET, processor_s=None, frequency_mhz=None, throttle_count=None), observe()):
        assert Conditions.from_dict(json.loads(json.dumps(state.to_dict()))) == state


def test_a_state_of_other_keys_is_refused():
    """Proves that a key too many and a key too few are type errors, which the reader turns into words."""
    values = QUIET.to_dict()
    with pytest.raises(TypeError):
        Conditions.from_dict(values | {"humidity": 0.5})
    del values["time"]
    with pytest.raises(TypeError):
        Conditions.from_dict(values)


def test_the_machine_is_described_by_the_same_keys_everywhere():
    """Proves that the keys are those that reports are read by, and the figures are of this machine."""
    found = machine()
    assert found.keys() == MACHINE.keys()
    assert found["architecture"] == platform.machine()
    assert found["python"] == platform.python_version()
    assert 1 <= found["cores"] <= os.cpu_count()
    assert found["packages"]["numpy"] == version("numpy")
    assert "no-such-package" not in found["packages"]
    assert found["processor"]
    json.dumps(found, allow_nan=False)


def test_the_machine_says_nothing_that_names_it():
    """Proves that neither the host's name nor the user's folder is in it, so that a report can be published."""
    text = json.dumps(machine())
    assert platform.node() not in text
    assert os.path.expanduser("~") not in text


@on_linux
def test_memory_is_in_mib():
    """Proves that the kernel's pages agree with the memory in all, and what is available is part of it."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20
    assert machine()["memory_mib"] == pytest.approx(pages, rel=0.02)
    assert 0 < available_memory_mib() < machine()["memory_mib"]


def test_the_time_is_utc_of_now():
    """Proves that it is ISO 8601 with its offset, to the second."""
    time_then = datetime.fromisoformat(observe().time)
    assert time_then.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - time_then) < timedelta(seconds=5)
    assert time_then.microsecond == 0


@on_linux
def test_processor_time_of_this_process_is_counted():
    """Proves that after 0.3 s of work own time has grown by that, and busy time by a good part of it."""
    before = observe()
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
    after = observe()
    assert 0.29 <= after.own_s - before.own_s < 5
    whole, busy, stolen = (b - a for a, b in zip(before.processor_s, after.processor_s, strict=True))
    assert 0.2 <= busy <= whole + 0.01  # seconds of the kernel are in steps of 0.01
    assert 0 <= stolen <= whole + 0.01


@on_linux
def test_processor_time_is_all_that_the_kernel_counts():
    """Proves that all is busy, idle, waiting and stolen time together, in seconds, as /proc/stat has it."""
    first = [float(word) / os.sysconf("SC_CLK_TCK") for word in Path("/proc/stat").read_text().split()[1:9]]
    whole, busy, stolen = observe().processor_s
    assert whole == pytest.approx(sum(first), abs=5)
    assert busy == pytest.approx(sum(first) - first[3] - first[4] - first[7], abs=5)
    assert stolen == pytest.approx(first[7], abs=5)


@on_linux
def test_the_load_is_that_of_the_last_minute():
    """Proves that it is the first of three figures that the system gives."""
    assert observe().load_1m == pytest.approx(os.getloadavg()[0], abs=0.5)


def test_every_figure_is_of_its_kind():
    """Proves that what the system does not tell is None or empty, and the rest is plain numbers and words."""
    state = observe()
    assert {item.name for item in fields(state)} == QUIET.to_dict().keys()
    assert all(isinstance(name, str) and name for name in state.governor)
    assert state.frequency_mhz is None or 50 < state.frequency_mhz < 10_000
    assert all(-50 < degrees < 150 for degrees in state.temperature_c.values())
    assert state.throttle_count is None or state.throttle_count >= 0


@pytest.mark.parametrize(
    ("bits", "now", "earlier"),
    [
        (0x0, (), ()),
        (0x1, WORDS[:1], ()),
        (0x2, WORDS[1:2], ()),
        (0x4, WORDS[2:3], ()),
        (0x8, WORDS[3:], ()),
        (0x10000, (), WORDS[:1]),
        (0x20000, (), WORDS[1:2]),
        (0x40000, (), WORDS[2:3]),
        (0x80000, (), WORDS[3:]),
        (0x50005, (WORDS[0], WORDS[2]), (WORDS[0], WORDS[2])),
        (0xE0000, (), WORDS[1:]),
    ],
)
def test_raspberry_pi_flags(bits, now, earlier):
    """Proves that bits 0 to 3 are of now and 16 to 19 of before. Source: Raspberry Pi documentation."""
    assert throttled_bits(bits) == (now, earlier)


@settings(deadline=None)
@given(st.integers(0, 15), st.integers(0, 15))
def test_flags_of_now_and_earlier_do_not_mix(now, earlier):
    """Proves that each half says what it would say alone."""
    assert throttled_bits(earlier << 16 | now) == (throttled_bits(now)[0], throttled_bits(earlier << 16)[1])


def test_a_raspberry_pi_is_asked(vcgencmd):
    """Proves that what `vcgencmd get_throttled` prints is read, hexadecimal."""
    vcgencmd('[ "$1" = get_throttled ] && echo "throttled=0x50005"')
    state = observe()
    assert state.throttled_now == ("under-voltage", "throttled")
    assert state.throttled_since_start == ("under-voltage", "throttled")


@pytest.mark.parametrize(
    "script", ["exit 1", "echo nonsense", "echo throttled=", "echo throttled=0xZZ", "kill -9 $$"]
)
def test_a_raspberry_pi_that_does_not_answer_is_no_error(vcgencmd, script):
    """Proves that a command that fails or prints something else says nothing, and nothing raises."""
    vcgencmd(script)
    state = observe()
    assert (state.throttled_now, state.throttled_since_start) == ((), ())


def test_the_processor_has_a_name_for_people():
    """Proves that it is one line without a blank at its ends."""
    name = machine()["processor"]
    assert name == name.strip()
    assert not re.search(r"[\n\t]", name)
