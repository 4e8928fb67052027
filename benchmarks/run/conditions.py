"""Describe the machine, and its state before and after a benchmark."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

_PACKAGES = ("catdog-edge", "ai-edge-litert", "tflite-runtime", "onnxruntime", "numpy", "pillow")
# Bits of `vcgencmd get_throttled`. Source: Raspberry Pi documentation, "vcgencmd".
_PI_NOW = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
_PI_SINCE_START = 16


@dataclass(frozen=True)
class Conditions:
    """The state of the machine at one moment. What the system does not tell is None or empty.

    Args:
        time: UTC, ISO 8601.
        load_1m: load average of the last minute.
        governor: frequency governors in use.
        frequency_mhz: mean frequency of the cores, MHz.
        temperature_c: temperature of each thermal zone, degrees Celsius.
        throttled_now: what slows a Raspberry Pi down at this moment.
        throttled_since_start: what has slowed it down since it was switched on.
        throttle_count: number of times the cores were throttled since the start (Intel only).
        processor_s: processor time since the start, seconds: in all, busy, and taken by other virtual machines.
        own_s: processor time of this process and its ended children, seconds.
    """

    time: str
    load_1m: float
    governor: tuple[str, ...]
    frequency_mhz: float | None
    temperature_c: dict[str, float]
    throttled_now: tuple[str, ...]
    throttled_since_start: tuple[str, ...]
    throttle_count: int | None
    processor_s: tuple[float, float, float] | None
    own_s: float

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read back `to_dict`."""
        known: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return cls(**known)


def machine() -> dict[str, Any]:
    """Return what stays the same during a benchmark: processor, cores, memory, system and versions."""
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "board": _read("/proc/device-tree/model").strip("\0\n") or None,
        "processor": _processor_name(),
        "architecture": platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_mib": _memory_mib("MemTotal"),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": packages,
    }


def observe() -> Conditions:
    """Return the state of the machine now. Nothing is raised if the system does not tell."""
    now, earlier = _raspberry_pi()
    spent = os.times()
    return Conditions(
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        load_1m=os.getloadavg()[0],
        governor=tuple(sorted(set(_all("/sys/devices/system/cpu", "cpu[0-9]*/cpufreq/scaling_governor")))),
        frequency_mhz=_frequency_mhz(),
        temperature_c=_temperatures(),
        throttled_now=now,
        throttled_since_start=earlier,
        throttle_count=_throttle_count(),
        processor_s=_processor_seconds(),
        own_s=spent.user + spent.system + spent.children_user + spent.children_system,
    )


def available_memory_mib() -> float | None:
    """Return the memory that is free for new processes, MiB; None if the system does not tell."""
    return _memory_mib("MemAvailable")


def _processor_name() -> str:
    lines = _read("/proc/cpuinfo").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[-1] if names else platform.processor() or platform.machine()


def _memory_mib(key: str) -> float | None:
    words = _read("/proc/meminfo").split()
    return int(words[words.index(f"{key}:") + 1]) / 1024 if f"{key}:" in words else None


def _frequency_mhz() -> float | None:
    files = _all("/sys/devices/system/cpu", "cpu[0-9]*/cpufreq/scaling_cur_freq")
    found = [int(text) / 1000 for text in files if text.isdigit()]
    if not found:
        lines = _read("/proc/cpuinfo").splitlines()
        found = [float(line.split(":")[1]) for line in lines if line.startswith("cpu MHz")]
    return round(sum(found) / len(found), 1) if found else None


def _temperatures() -> dict[str, float]:
    zones = sorted(Path("/sys/class/thermal").glob("thermal_zone*"))
    read = {f"{zone.name} {_read(zone / 'type').strip()}": _read(zone / "temp").strip() for zone in zones}
    return {name: int(text) / 1000 for name, text in read.items() if text.lstrip("-").isdigit()}


def _throttle_count() -> int | None:
    found = _all("/sys/devices/system/cpu", "cpu[0-9]*/thermal_throttle/core_throttle_count")
    return sum(int(text) for text in found if text.isdigit()) if found else None


def _raspberry_pi() -> tuple[tuple[str, ...], tuple[str, ...]]:
    if shutil.which("vcgencmd") is None:
        return (), ()
    try:
        done = subprocess.run(["vcgencmd", "get_throttled"], capture_output=True, text=True, timeout=5)
        return throttled_bits(int(done.stdout.strip().partition("=")[2], 16))
    except (OSError, ValueError, subprocess.SubprocessError):
        return (), ()


def throttled_bits(bits: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what the bits of a Raspberry Pi's `get_throttled` mean: now, and since it was switched on."""
    now = tuple(name for bit, name in _PI_NOW.items() if bits >> bit & 1)
    earlier = tuple(name for bit, name in _PI_NOW.items() if bits >> (bit + _PI_SINCE_START) & 1)
    return now, earlier


def _processor_seconds() -> tuple[float, float, float] | None:
    """Return seconds in all, busy and stolen. Source: proc_stat(5)."""
    words = _read("/proc/stat").partition("\n")[0].split()[1:9]
    if len(words) < 8:
        return None
    tick = os.sysconf("SC_CLK_TCK")
    user, nice, system, idle, waiting, irq, softirq, steal = (int(word) / tick for word in words)
    busy = user + nice + system + irq + softirq
    return busy + idle + waiting + steal, busy, steal


def _all(folder: str, pattern: str) -> list[str]:
    return [_read(path).strip() for path in sorted(Path(folder).glob(pattern))]


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
