"""report.html: the report in one file, in which every name is text and nothing else."""

import base64
from html.parser import HTMLParser

import pytest
from PIL import Image

from edge_runtime.markdown import literal
from exporter.report.page import write_html
from exporter.report.report import write_report
from tests.exporter.records import KERAS, file_of, manifest_of, record_of, with_labels

HOSTILE = "<script>alert(1)</script>"


class Seen(HTMLParser):
    """Collects tags, the text of each, and what is referred to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.texts, self.references = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.references += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def folder(tmp_path):
    """A folder with the two plots of a report."""
    for name in ("differences.png", "reliability.png"):
        Image.new("RGB", (4, 4), len(name)).save(tmp_path / name)
    return tmp_path


def test_pictures_are_inside(folder):
    """Proves that the bytes of each picture are those of its file, in the order of the text."""
    page = Seen(write_html("# A\n\n![d](differences.png)\n\n![r](reliability.png)\n", folder))
    assert page.references[1:] == [  # the first is the empty icon
        f"data:image/png;base64,{base64.b64encode((folder / name).read_bytes()).decode()}"
        for name in ("differences.png", "reliability.png")
    ]


def test_a_missing_picture_is_no_page(folder):
    """Proves that a page with a hole is never written in silence."""
    with pytest.raises(FileNotFoundError):
        write_html("# A\n\n![x](other.png)\n", folder)


@pytest.mark.parametrize("place", ["# {}\n", "# A\n\n{}\n", "# A\n\nx {} y\n", "# A\n\n| a |\n| --- |\n| {} |\n"])
def test_markup_in_a_name_is_text(folder, place):
    """Proves that a script in the title, a block, a line or a cell is shown and not run."""
    page = Seen(write_html(place.format(literal(HOSTILE)), folder))
    assert "script" not in page.tags
    assert "".join(page.texts).count(HOSTILE) == (2 if place.startswith("# {}") else 1)


def test_a_report_of_hostile_labels_has_its_tables(folder):
    """Proves that a label with a bar and one with tags leave every table with a cell for each column."""
    labels = ("a|b", "<img src=x>")
    record = with_labels(record_of(file_of("int8", KERAS)), labels)
    text = write_html(write_report(manifest_of(record), record), folder)
    page = Seen(text)
    assert page.tags.count("img") == 2
    assert all(reference.startswith("data:") for reference in page.references)
    assert {"a|b", "<img src=x>"} <= {found.strip() for found in page.texts}
    for table in text.split("<table>")[1:]:
        found = table.split("</table>")[0]
        rows = found.count("<tr>")
        assert found.count("<td") == (rows - 1) * found.count("<th ") + (rows - 1) * found.count("<th>")


def test_the_title_is_the_first_heading(folder):
    """Proves that the tab of a browser says which export it is."""
    assert "<title>Export of a &amp; b: passed</title>" in write_html("# Export of a & b: passed\n\ntext", folder)


def test_the_html_report_stands_alone(bundle_folder):
    """Proves of a real export that both plots are inside, there is no script, and nothing is fetched."""
    text = (bundle_folder / "report.html").read_text()
    page = Seen(text)
    icon, *plots = page.references
    assert (icon, len(plots)) == ("data:,", 2)
    assert all(reference.startswith("data:image/png;base64,iVBOR") for reference in plots)
    assert not {"script", "iframe"} & set(page.tags)
    assert "://" not in text
    assert page.tags.count("table") >= 5
    assert "<title>Export of small: inconclusive</title>" in text
