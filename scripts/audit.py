"""Look up the known vulnerabilities of the pinned packages with pip-audit, and say what could not be looked up.

    python scripts/audit.py PIP_AUDIT REQUIREMENTS

pip-audit ends with success when its service knows none of the packages, as behind a mirror. This prints a line that
says so. The exit code is 1 if a package has a known vulnerability, and 0 otherwise.
"""

import json
import subprocess
import sys

TIMEOUT_S = 300


def main(tool: str, requirements: str) -> int:
    """Run the tool; print a line for each vulnerability, or one line of how many packages have none."""
    command = [tool, "--requirement", requirements, "--disable-pip", "--require-hashes", "--format", "json"]
    try:
        done = subprocess.run(
            [*command, "--progress-spinner", "off"], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        packages = json.loads(done.stdout)["dependencies"]
    except (OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
        print(f"pip-audit skipped: its service cannot be reached ({type(error).__name__})")
        return 0
    audited = [package for package in packages if "vulns" in package]
    if not audited:
        print(f"pip-audit skipped: its service knows none of the {len(packages)} packages here")
        return 0
    found = [(package["name"], package["version"], fault) for package in audited for fault in package["vulns"]]
    for name, version, fault in found:
        print(f"{name} {version}: {fault['id']}, fixed in {', '.join(fault['fix_versions']) or 'no release'}")
    print(f"{len(audited)} of {len(packages)} packages looked up, {len(found)} known vulnerabilities")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
