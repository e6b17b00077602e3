"""One run of the command: where it writes, and its client. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from mutoscope.cli.credentials import current_credentials
from mutoscope.client import Mutoscope

# A pipe has no width: what reads it wants whole lines.
_UNBOUNDED_WIDTH = 10_000
# Where less is left of a line for the last column, there are no columns.
_MIN_LAST_COLUMN_WIDTH = 8


class Session:
    """`json`: results are JSON."""

    def __init__(self) -> None:
        self.json = False
        width = None if sys.stdout.isatty() else _UNBOUNDED_WIDTH
        self.out = Console(highlight=False, markup=False, width=width)
        self.err = Console(stderr=True, highlight=False, markup=False)

    @property
    def is_interactive(self) -> bool:
        """Somebody is there who can be asked."""
        return sys.stdin.isatty() and self.err.is_terminal

    def client(self) -> Mutoscope:
        """Raises ConfigurationError without a key."""
        credentials = current_credentials()
        return Mutoscope(credentials.base_url, credentials.api_key)

    def print_message(self, *words: str, style: str = "") -> None:
        """For whoever watches."""
        self.err.print(Text(strip_control_chars(" ".join(words)), style=style), soft_wrap=True)

    def print_result(self, words: str, body: Any) -> None:
        """What was asked for: in words, or as JSON."""
        if self.json:
            self.print_json(body)
        elif words:
            self.out.print(strip_control_chars(words), soft_wrap=True)

    def print_json(self, body: Any) -> None:
        sys.stdout.write(json.dumps(body, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def print_table(self, names: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
        """Columns with their names. The last one alone is cut where the terminal ends: an id has to stay whole."""
        lines = [[" ".join(strip_control_chars(str(cell)).split()) for cell in row] for row in (names, *rows)]
        widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)][:-1]
        available_width = self.out.width - sum(widths) - 2 * len(widths)
        if available_width < min(_MIN_LAST_COLUMN_WIDTH, max(cell_len(row[-1]) for row in lines)):
            self._print_blocks(lines)
            return
        for number, (*cells, last) in enumerate(lines):
            last = set_cell_size(last, available_width - 1).rstrip() + "…" if cell_len(last) > available_width else last  # noqa: PLW2901
            line = "  ".join([*map(set_cell_size, cells, widths), last])
            self.out.print(Text(line.rstrip(), style="" if number else "bold"), soft_wrap=True)

    def _print_blocks(self, lines: list[list[str]]) -> None:
        """A table on a terminal that is too narrow for it: a block for each row."""
        names, *rows = lines
        for number, row in enumerate(rows):
            if number:
                self.out.print()
            self.facts(zip(names, row, strict=True))

    def facts(self, facts: Iterable[tuple[str, object]]) -> None:
        """One fact a line."""
        known = [(name, strip_control_chars(str(value))) for name, value in facts if value not in {None, ""}]
        width = max(len(name) for name, _ in known)
        for name, value in known:
            self.out.print(Text(f"{name:<{width}}  ", style="dim"), Text(value), sep="", soft_wrap=True)


def strip_control_chars(text: str) -> str:
    """Without characters that would steer the terminal: prompts and messages are written by others."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _set_json(context: typer.Context, value: bool) -> bool:
    context.ensure_object(Session).json = value
    return value


Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.", callback=_set_json)]


def session_of(context: typer.Context) -> Session:
    return context.ensure_object(Session)
