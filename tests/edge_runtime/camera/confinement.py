"""Start a program under the system call filter of a systemd unit, as systemd would, but without systemd.

    python confinement.py UNIT PROGRAM ARGUMENT...

It follows the unit's `SystemCallFilter`, `RestrictAddressFamilies` (AF_UNIX alone) and `MemoryDenyWriteExecute`.
A refused call fails with EPERM. Source: systemd.exec(5); seccomp_rule_add(3).
"""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

ALLOW, FAIL = 0x7FFF0000, 0x00050001  # SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(EPERM)
EQUAL, MASKED_EQUAL = 4, 7
WRITE, EXECUTE, AF_UNIX = 2, 4, 1


class Comparison(ctypes.Structure):
    """A condition on an argument of a system call."""

    _fields_ = (("argument", ctypes.c_uint), ("how", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def settings(unit: Path) -> list[tuple[str, str]]:
    """Return the settings of a unit in their order."""
    lines = [line.strip() for line in unit.read_text().splitlines()]
    return [(key, value) for key, _, value in (line.partition("=") for line in lines if not line.startswith("#"))]


def system_calls(words: str) -> set[str]:
    """Return the system calls of names and groups such as `@system-service`."""
    found: set[str] = set()
    for word in words.split():
        if not word.startswith("@"):
            found.add(word)
            continue
        command = ["systemd-analyze", "syscall-filter", word]
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[1:]
        names = [line.strip() for line in listed]
        found |= system_calls(" ".join(name for name in names if name and not name.startswith("#")))
    return found


def allowed_calls(unit: Path) -> set[str]:
    """Return the system calls that the unit allows."""
    allowed: set[str] = set()
    for key, value in settings(unit):
        if key == "SystemCallFilter":
            allowed = allowed - system_calls(value[1:]) if value.startswith("~") else allowed | system_calls(value)
    return allowed


def confine(unit: Path) -> None:
    """Put this process under the unit's filter for good."""
    asked = dict(settings(unit))
    assert asked["RestrictAddressFamilies"] == "AF_UNIX"
    assert asked["MemoryDenyWriteExecute"] == "yes"
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(FAIL))
    executable = [[Comparison(2, MASKED_EQUAL, WRITE | EXECUTE, value)] for value in (0, WRITE, EXECUTE)]
    conditions = {
        "mmap": executable,
        "mprotect": [[Comparison(2, MASKED_EQUAL, EXECUTE, 0)]],
        "pkey_mprotect": [[Comparison(2, MASKED_EQUAL, EXECUTE, 0)]],
        "socket": [[Comparison(0, EQUAL, AF_UNIX, 0)]],
    }
    for name in sorted(allowed_calls(unit)):
        number = library.seccomp_syscall_resolve_name(name.encode())
        for condition in conditions.get(name, [[]]) if number >= 0 else []:
            array = (Comparison * len(condition))(*condition)
            assert library.seccomp_rule_add_array(context, ALLOW, number, len(condition), array) == 0, name
    assert library.seccomp_load(context) == 0


if __name__ == "__main__":
    confine(Path(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
