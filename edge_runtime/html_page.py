"""The frame of every HTML page that catdog writes: it runs no script and loads nothing."""

from __future__ import annotations

import html

from edge_runtime.visible_text import visible

# Styles cannot run anything, and these load nothing: pictures may only be those inside the page.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def html_text(text: str) -> str:
    """Return a name of somebody else's as HTML, for text and for attributes in quotes."""
    return html.escape(visible(text))


def html_page(title: str, style: str, body: str) -> str:
    """Return a whole page.

    Args:
        title: its title, as plain text.
        style: CSS of our own.
        body: HTML. Names of somebody else's in it must have gone through `html_text` or `edge_runtime.markdown`.
    """
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{html_text(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
