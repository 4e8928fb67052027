"""`report.html` of an export: the report as one page."""

from __future__ import annotations

import base64
import html
import re
from pathlib import Path

from edge_runtime.html_page import html_page

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c1c1c; background: #fff; overflow-wrap: anywhere; }
table { border-collapse: collapse; display: block; overflow-x: auto; font-size: 0.9rem; }
th, td { border: 1px solid #ccc; padding: 0.25rem 0.6rem; text-align: left; white-space: nowrap; }
code { font-size: 0.9em; } img { max-width: 100%; background: #fff; }
blockquote { border-left: 4px solid #b7791f; margin: 0; padding-left: 1rem; }
@media (prefers-color-scheme: dark) { body { color: #e6e6e6; background: #16181c; } th, td { border-color: #444; } }
"""


def write_html(markdown_text: str, folder: Path) -> str:
    """Return the report as one page that needs nothing beside it.

    Args:
        markdown_text: what `write_report` returned.
        folder: where its pictures are.
    """
    import markdown

    body = markdown.markdown(markdown_text, extensions=["tables"])

    def embedded(found: re.Match[str]) -> str:
        content = base64.b64encode((folder / found[2]).read_bytes()).decode()
        return f'{found[1]}data:image/png;base64,{content}"'

    body = re.sub(r'(<img [^>]*src=")([\w.-]+\.png)"', embedded, body)
    title = html.unescape(markdown_text.splitlines()[0].removeprefix("# "))
    return html_page(title, _STYLE, body)
