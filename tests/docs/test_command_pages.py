"""The documentation names every command and option there is, and no other."""

import re

import click
import pytest

from tests.docs.examples import ROOT, script

command_pages = script("command_pages")
DOCS = sorted((ROOT / "docs").rglob("*.md"))
READ = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS)
COMMANDS = {
    name: command
    for program in command_pages.PROGRAMS
    for name, command in command_pages.walk(command_pages.load(program), program)
}
# Options of other programs that pages name.
FOREIGN = {"--codec", "--list-formats-ext", "--listen", "--now", "--system-site-packages"}
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
_CODE = re.compile(r"```.*?```|`[^`\n]+`|^ {4}catdog-[^\n]*", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"\bcatdog-(?:train|export|edge|bench)\b[^\n`|;&)]*")


def options_of(command: click.Command) -> set[str]:
    """Return every option of a command, `--help` among them."""
    parameters = command.get_params(click.Context(command))
    found = [parameter for parameter in parameters if isinstance(parameter, click.Option)]
    return {name for option in found for name in (*option.opts, *option.secondary_opts)}


@pytest.mark.parametrize("name", command_pages.pages())
def test_a_page_says_what_the_program_says(name: str) -> None:
    """Proves that a page of the command line is what its program would write now."""
    written = (ROOT / "docs/reference" / name).read_text()
    assert written == command_pages.pages()[name], "run: make docs"


def test_every_command_and_option_is_on_a_page() -> None:
    """Proves that a command or option that no page names fails, whoever writes the pages."""
    text = "\n".join(page.read_text() for page in DOCS)
    named = set(_OPTION.findall(text))
    missing = [name for name in COMMANDS if not re.search(rf"{re.escape(name)}\b", text)]
    for name, command in COMMANDS.items():
        long = {option for option in options_of(command) if option.startswith("--")}
        missing += [f"{name} {option}" for option in sorted(long - named)]
    assert not missing


def test_every_option_on_a_page_exists() -> None:
    """Proves that an option in README or docs that no program has fails."""
    known = FOREIGN.union(*map(options_of, COMMANDS.values()))
    unknown = [
        f"{page.relative_to(ROOT)}: {option}"
        for page in READ
        for code in _CODE.findall(page.read_text())
        for option in _OPTION.findall(code)
        if option not in known
    ]
    assert not unknown


def test_every_command_line_on_a_page_can_be_typed() -> None:
    """Proves that a command line in README or docs names a command that exists, and options that it has."""
    wrong = []
    for page in READ:
        for code in _CODE.findall(page.read_text()):
            wrong += [f"{page.relative_to(ROOT)}: {line}" for line in _COMMAND.findall(code) if not _possible(line)]
    assert not wrong


def _possible(line: str) -> bool:
    words = line.split()
    name = words.pop(0)
    if name not in COMMANDS:  # the package, such as catdog-edge[camera]
        return True
    while words and f"{name} {words[0]}" in COMMANDS:
        name = f"{name} {words.pop(0)}"
    if (
        isinstance(COMMANDS[name], click.Group)
        and words
        and re.fullmatch(r"[a-z-]+", words[0])
        and words[0][0] != "-"
    ):
        return False
    return set(_OPTION.findall(" ".join(words))) <= options_of(COMMANDS[name])


def test_a_page_with_another_option_is_seen() -> None:
    """Proves that the check of command lines can fail: an option of another command, and a command that is none."""
    assert not _possible("catdog-edge info --recursive")
    assert not _possible("catdog-bench measure --data pictures")
    assert _possible("catdog-bench run --data pictures")
