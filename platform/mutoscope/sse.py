"""Server-sent events as they come over the line, in whatever pieces (HTML standard, 9.2.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Message:
    """One event: `id` is the last that was said, `kind` its type, `data` its lines."""

    id: str
    kind: str
    data: str


class Parser:
    """Of one connection. What a cut line leaves unfinished is no event."""

    def __init__(self, last_id: str = "") -> None:
        self.retry_seconds: float | None = None
        self._id, self._kind = last_id, ""
        self._data: list[str] = []
        self._rest = b""
        self._is_first = True

    def feed(self, piece: bytes) -> Iterator[Message]:
        """The events that end in this piece."""
        waiting = self._rest + piece
        # A line feed may still follow: together they are one end of a line.
        held = b"\r" if waiting.endswith(b"\r") else b""
        *lines, rest = _LINE_END.split(waiting.removesuffix(held))
        self._rest = rest + held
        for line in lines:
            if self._is_first:
                self._is_first, line = False, line.removeprefix(_BYTE_ORDER_MARK)  # noqa: PLW2901
            if line:
                self._field(line)
            elif (message := self._message()) is not None:
                yield message

    def _field(self, line: bytes) -> None:
        name, _, rest = line.partition(b":")
        value = rest.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._kind = value
        elif name == b"id" and "\0" not in value:
            self._id = value
        elif name == b"retry" and value.isascii() and value.isdigit():
            self.retry_seconds = int(value) / 1000

    def _message(self) -> Message | None:
        data, kind = self._data, self._kind or "message"
        self._data, self._kind = [], ""
        return Message(self._id, kind, "\n".join(data)) if data else None
