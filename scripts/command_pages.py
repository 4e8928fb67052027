"""Write docs/reference/command-line*.md from the Click commands themselves: python scripts/command_pages.py.

`make docs` runs it first. tests/docs/test_command_pages.py fails while a page says something else than the program.
"""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click

FOLDER = Path(__file__).parents[1] / "docs/reference"
PROGRAMS = {
    "catdog-train": ("trainer.cli", "Train a network on folders of pictures."),
    "catdog-export": ("exporter.cli", "Turn a trained network into a bundle."),
    "catdog-edge": ("edge_runtime.cli", "Classify pictures and watch cameras with a bundle."),
    "catdog-bench": ("benchmarks.cli", "Measure a bundle on this machine."),
}
NOTE = "<!-- Written by scripts/command_pages.py from the program itself. Do not edit. -->"
_DEFAULT = re.compile(r"\s*\[default: ([^\]]*)\]")


def pages() -> dict[str, str]:
    """Return the text of every page by its file name."""
    written = {page_name(program): page(program) for program in PROGRAMS}
    return {"command-line.md": overview(), **written}


def page_name(program: str) -> str:
    """Return the file name of a program's page, such as `command-line-edge.md`."""
    return f"command-line-{program.removeprefix('catdog-')}.md"


def load(program: str) -> click.Command:
    """Return a program's Click command."""
    command: click.Command = import_module(PROGRAMS[program][0]).main
    return command


def walk(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield a command and all commands under it with their full names, such as `catdog-bench edge soak`."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None and not found.hidden:
                yield from walk(found, f"{name} {child}")


def overview() -> str:
    """Return the page that lists every program and command with its one line."""
    lines = [
        NOTE,
        "# Command line",
        "",
        "This page is for everyone who uses the programs. It lists every command and leads you to its options.",
        "Every command prints its options with `--help` or `-h`, every program its version with `--version`.",
        "[Exit codes](exit-codes.md) have a page of their own.",
    ]
    for program, (_, purpose) in PROGRAMS.items():
        lines += ["", f"## {program}", "", f"{purpose} [All options]({page_name(program)})."]
        commands = list(walk(load(program), program))[1:]
        if commands:
            lines += ["", "| command | what it does |", "| --- | --- |"]
            rows = [(name, f"{page_name(program)}#{anchor(name)}", command) for name, command in commands]
            lines += [f"| [`{name}`]({link}) | {_cell(_first_line(command))} |" for name, link, command in rows]
    return "\n".join(lines) + "\n"


def page(program: str) -> str:
    """Return the page of one program."""
    first = (
        f"This page is for everyone who types `{program}`. It has every option with its meaning and its default, "
        "as the program itself prints them with `--help`."
    )
    lines = [NOTE, f"# {program}", "", first, ""]
    for name, command in walk(load(program), program):
        if name != program:
            lines += [f"## {name}", ""]
        lines += _command(name, command)
    return "\n".join(lines).rstrip() + "\n"


def anchor(name: str) -> str:
    """Return the anchor that Markdown gives to the heading of a command."""
    return name.replace(" ", "-")


def _command(name: str, command: click.Command) -> list[str]:
    context = click.Context(command, info_name=name)
    usage = f"Usage: `{name} {' '.join(command.collect_usage_pieces(context))}`"
    lines = [*_prose(command.help), "", usage, ""]
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    rows = [_row(option, context) for option in options if not option.hidden and not _is_everywhere(option)]
    if rows:
        lines += ["| option | meaning | default |", "| --- | --- | --- |", *rows, ""]
    if command.epilog:
        lines += [*_prose(command.epilog), ""]
    return lines


def _is_everywhere(option: click.Option) -> bool:
    """Say whether an option is one that the overview names for all programs."""
    return bool({"--help", "--version"} & set(option.opts))


def _prose(text: str | None) -> list[str]:
    paragraphs = (text or "").replace("\b", "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs).split("\n")


def _row(option: click.Option, context: click.Context) -> str:
    names = " / ".join(f"`{name}`" for name in (option.opts[0], *option.secondary_opts))
    also = "".join(f", also `{name}`" for name in option.opts[1:])
    value = _value(option, context)
    text = option.help or ""
    said = _DEFAULT.search(text)
    meaning = _DEFAULT.sub("", text)
    if isinstance(option.type, click.Choice):
        meaning += " One of " + ", ".join(f"`{choice}`" for choice in option.type.choices) + "."
    if option.multiple and "epeat" not in meaning:
        meaning += " May be given several times."
    default = said.group(1) if said else _default(option, context)
    return f"| {names}{f' {value}' if value else ''}{also} | {_cell(meaning.strip())} | {_cell(default)} |"


def _value(option: click.Option, context: click.Context) -> str:
    if option.is_flag or option.count:
        return ""
    if isinstance(option.type, click.Choice):
        return "WORD"
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.IntRange | click.FloatRange):
        return f"NUMBER ({_range(option.type)})" if _range(option.type) else "NUMBER"
    return {"INTEGER": "NUMBER", "FLOAT": "NUMBER"}.get(option.make_metavar(context), option.make_metavar(context))


def _range(kind: click.IntRange | click.FloatRange) -> str:
    if kind.min is not None and kind.max is not None:
        return f"{kind.min:,} to {kind.max:,}"
    return f"{kind.min:,} or more" if kind.min is not None else ""


def _default(option: click.Option, context: click.Context) -> str:
    if option.required:
        return "you must say it"
    value = option.get_default(context)
    if option.is_flag or value is None or not isinstance(value, str | int | float | Path) or value == "":
        return ""
    return f"`{value}`"


def _first_line(command: click.Command) -> str:
    return _prose(command.help)[0]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Write every page that has changed."""
    for name, text in pages().items():
        path = FOLDER / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"wrote {path.relative_to(FOLDER.parents[1])}")


if __name__ == "__main__":
    main()
