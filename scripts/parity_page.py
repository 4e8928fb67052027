"""Write the tables of docs/measurements/parity.md: make parity.

They hold the bounds that the tests use, and what the tests measured.
"""

import json
from pathlib import Path
from typing import Any

from tests.contract.bounds import BOUNDS, Bound

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/measurements/parity.md"
MEASURED = ROOT / "docs/measurements/parity.json"
MUTATIONS = ROOT / "docs/measurements/parity-mutations.json"


def bounds_table(measured: dict[str, Any]) -> str:
    """Return a row for each bound: what, how far, and the furthest measured with where."""
    rows = ["| what is compared | measure | bound | furthest measured |", "| --- | --- | ---: | --- |"]
    for key, bound in BOUNDS.items():
        sign = "at least " if bound.at_least else ""
        found = furthest(bound, measured.get(key, {}))
        rows.append(f"| {bound.compared} | {bound.measure} | {sign}{bound.shown} | {found} |")
    return "\n".join(rows)


def furthest(bound: Bound, values: dict[str, float]) -> str:
    """Return the value furthest from perfect and where it was measured."""
    if not values:
        return "not measured"
    worst = (min if bound.at_least else max)(values.values())
    if not bound.at_least and worst == 0:
        return f"0, in all of {len(values)}" if len(values) > 1 else f"0: {next(iter(values))}"
    where = "; ".join(sorted(name for name, value in values.items() if value == worst))
    return f"{shown(bound, worst)}: {where}"


def shown(bound: Bound, value: float) -> str:
    """Return a measured value as the page prints it."""
    return f"{100 * value:.1f} %" if bound.at_least else f"{value:.2g}"


def every_value(measured: dict[str, Any]) -> str:
    """Return a row for each measured value."""
    rows = ["| what is compared | where | measured |", "| --- | --- | ---: |"]
    for key, bound in BOUNDS.items():
        values = measured.get(key, {}).items()
        rows += [f"| {bound.compared} | {where} | {shown(bound, value)} |" for where, value in values]
    return "\n".join(rows)


def mutations_table(found: dict[str, list[str]]) -> str:
    """Return a row for each fault and the tests that noticed it."""
    rows = ["| fault | noticed by |", "| --- | --- |"]
    for name, tests in found.items():
        more = f" and {len(tests) - 3} more" if len(tests) > 3 else ""
        rows.append(f"| {name} | {', '.join(f'`{test}`' for test in tests[:3])}{more} |")
    return "\n".join(rows)


def filled(page: str) -> str:
    """Return the page with its tables as the files have them now."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    mutations = json.loads(MUTATIONS.read_text(encoding="utf-8"))
    tables = {
        "bounds": bounds_table(measured),
        "mutations": mutations_table(mutations),
        "measured": every_value(measured),
    }
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}\n{table}\n{end}{rest.partition(end)[2]}"
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
