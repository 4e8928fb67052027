"""Write `report.html` of a benchmark: one page that needs no other file and no network."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

from benchmarks.report.plots import PLOTS, svg_plots
from benchmarks.report.report import SHOWN_DISAGREEMENTS, title_of, write_report
from benchmarks.run.record import BenchmarkReport
from edge_runtime.errors import PictureError
from edge_runtime.html_page import html_page, html_text
from edge_runtime.markdown import code
from edge_runtime.picture.preprocessing import Preprocessing, load_picture

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1c; --back: #fff; --line: #d0d0d0; --soft: #f3f4f6; --best: #1f7a4a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --back: #16181c; --line: #43474f; --soft: #20242a; --best: #6fcf97; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 80rem; margin: 1.5rem auto; padding: 0 1rem;
  color: var(--ink); background: var(--back); overflow-wrap: anywhere; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
.table { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: 0.3rem 0.5rem; white-space: nowrap; }
th { text-align: left; vertical-align: bottom; background: var(--back); }
th:first-child, td:first-child { position: sticky; left: 0; background: var(--back); }
td strong { color: var(--best); }
code { font-size: 0.9em; }
blockquote { border-left: 4px solid #b7791f; background: var(--soft); margin: 1rem 0; padding: 0.25rem 1rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.5rem;
  align-items: start; }
figure { margin: 1rem 0; max-width: 40rem; } figcaption { font-weight: 600; font-size: 0.9rem; }
svg { width: 100%; height: auto; } svg text { font-family: system-ui, sans-serif; }
td img { width: 96px; height: 96px; display: block; border-radius: 4px; }
"""


def write_page(report: BenchmarkReport, *, data: Path | None, preprocessing: Preprocessing) -> str:
    """Return the page.

    Args:
        report: what to show.
        data: the folder of the pictures. The page shows those on which the files disagree; None shows none.
        preprocessing: how a picture becomes the models' input.
    """
    import markdown

    text = write_report(report)
    body = markdown.markdown(text, extensions=["tables"])
    body = _with_plots(body, svg_plots(report))
    body = body.replace("<table>", '<div class="table"><table>').replace("</table>", "</table></div>")
    if data is not None:
        body = _with_photographs(body, report, data, preprocessing)
    return html_page(title_of(report), _STYLE, body)


def _with_plots(body: str, plots: dict[str, str]) -> str:
    """Put each drawing where the Markdown names a picture. Drawings that follow each other go side by side."""

    def drawn(found: re.Match[str]) -> str:
        names = re.findall(r'src="([\w-]+)\.png"', found[0])
        figures = "".join(
            f'<figure id="{name}" class="plot">{plots[name]}<figcaption>{PLOTS[name]}</figcaption></figure>'
            for name in names
            if name in plots
        )
        return f'<div class="plots">{figures}</div>'

    return re.sub(r"(?:<p><img [^>]*/></p>\s*)+", drawn, body)


def _with_photographs(body: str, report: BenchmarkReport, data: Path, preprocessing: Preprocessing) -> str:
    import markdown

    folder = data if data.is_dir() else data.parent
    for item in report.disagreements[:SHOWN_DISAGREEMENTS]:
        source = _embedded(folder / item.picture, preprocessing)
        name = markdown.markdown(code(item.picture)).removeprefix("<p>").removesuffix("</p>")
        cell = re.search(f"<td[^>]*>(?={re.escape(name)})", body)
        if source and cell:
            alt = html_text(item.picture)
            body = f'{body[: cell.end()]}<img src="{source}" alt="{alt}">{body[cell.end() :]}'
    return body


def _embedded(path: Path, preprocessing: Preprocessing) -> str:
    """Return the picture as the model sees it, as a `data:` address; empty if it cannot be read."""
    from PIL import Image

    try:
        pixels = load_picture(path, preprocessing)
    except PictureError:
        return ""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
