"""Write docs/measurements/model-card.md, the page of the network that ships: python scripts/model_card_page.py.

The card lies beside the network and in the package. The site shows a copy whose links work there. `make docs` runs
this script. tests/docs/test_site.py fails while the page says something else than the card.
"""

from pathlib import Path

ROOT = Path(__file__).parents[1]
CARD = ROOT / "models/compact/MODEL_CARD.md"
PAGE = ROOT / "docs/measurements/model-card.md"
NOTE = "<!-- Written by scripts/model_card_page.py from models/compact/MODEL_CARD.md. Do not edit. -->\n"


def page() -> str:
    """Return the text of the page."""
    return NOTE + CARD.read_text(encoding="utf-8").replace("](../../docs/", "](../")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
