"""Output and client of one run of the command. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import codecs
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

# Some readers end a line at these, such as Python's `splitlines`.
_ESCAPED_LINE_ENDS = {ord(each): f"\\u{ord(each):04x}" for each in "\x85\u2028\u2029"}
# Width of the output if it is not a terminal, so that lines are not cut.
_UNBOUNDED_WIDTH = 10_000
# If the last column would be narrower, the rows are printed as blocks instead of columns.
_MIN_LAST_COLUMN_WIDTH = 8


class Session:
    """The consoles of one run. If `json` is set, results are printed as JSON."""

    def __init__(self) -> None:
        self.json = False
        width = None if sys.stdout.isatty() else _UNBOUNDED_WIDTH
        self.out = Console(highlight=False, markup=False, width=width)
        self.err = Console(stderr=True, highlight=False, markup=False)

    @property
    def is_interactive(self) -> bool:
        """Whether the user can be prompted."""
        return sys.stdin.isatty() and self.err.is_terminal

    def client(self) -> Mutoscope:
        """Returns a client with the current credentials. Raises ConfigurationError if there are none."""
        credentials = current_credentials()
        return Mutoscope(credentials.base_url, credentials.api_key)

    def print_message(self, *parts: str, style: str = "") -> None:
        """Prints a message for people on stderr."""
        self.err.print(Text(strip_control_chars(" ".join(parts)), style=style), soft_wrap=True)

    def print_result(self, text: str, body: Any) -> None:
        """Prints the result on stdout, as text or as JSON."""
        if self.json:
            self.print_json(body)
        elif text:
            self.out.print(strip_control_chars(text), soft_wrap=True)

    def print_json(self, body: Any) -> None:
        # Escaped by JSON where the console or the pipe has another encoding: every reader understands that.
        is_utf8 = codecs.lookup(sys.stdout.encoding or "ascii").name == "utf-8"
        sys.stdout.write(json.dumps(body, ensure_ascii=not is_utf8).translate(_ESCAPED_LINE_ENDS) + "\n")
        sys.stdout.flush()

    def print_table(self, names: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
        """Prints a table. Only the last column is cut at the width of the terminal, so that ids stay whole."""
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
        """Prints a table as one block of fields per row, for a terminal that is too narrow for columns."""
        names, *rows = lines
        for number, row in enumerate(rows):
            if number:
                self.out.print()
            self.print_fields(zip(names, row, strict=True))

    def print_fields(self, fields: Iterable[tuple[str, object]]) -> None:
        """Prints one field per line, without empty ones."""
        rows = [(name, strip_control_chars(str(value))) for name, value in fields if value not in {None, ""}]
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            self.out.print(Text(f"{name:<{width}}  ", style="dim"), Text(value), sep="", soft_wrap=True)


def strip_control_chars(text: str) -> str:
    """Replaces control characters: prompts and messages of others could send escape sequences to the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


def _set_json(context: typer.Context, value: bool) -> bool:
    context.ensure_object(Session).json = value
    return value


Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.", callback=_set_json)]


def get_session(context: typer.Context) -> Session:
    return context.ensure_object(Session)
