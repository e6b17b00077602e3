"""Incremental parser for server-sent events (HTML standard, 9.2.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class ServerSentEvent:
    """One event: the last event id, the event type and the data lines."""

    id: str
    event: str
    data: str


class Parser:
    """Parses the stream of one connection. An event that the connection cuts off is dropped."""

    def __init__(self, last_id: str = "") -> None:
        self.retry_seconds: float | None = None
        self._id, self._event = last_id, ""
        self._data: list[str] = []
        self._buffer = b""
        self._is_first_line = True

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        """Yields the events that are complete after this chunk."""
        buffered = self._buffer + chunk
        # A carriage return at the end may be the first half of CRLF, so it waits for the next chunk.
        trailing = b"\r" if buffered.endswith(b"\r") else b""
        *lines, unfinished = _LINE_END.split(buffered.removesuffix(trailing))
        self._buffer = unfinished + trailing
        for line in lines:
            if self._is_first_line:
                self._is_first_line, line = False, line.removeprefix(_BYTE_ORDER_MARK)  # noqa: PLW2901
            if line:
                self._parse_field(line)
            elif (message := self._take_message()) is not None:
                yield message

    def _parse_field(self, line: bytes) -> None:
        name, _, rest = line.partition(b":")
        value = rest.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._event = value
        elif name == b"id" and "\0" not in value:
            self._id = value
        elif name == b"retry" and value.isascii() and value.isdigit():
            self.retry_seconds = int(value) / 1000

    def _take_message(self) -> ServerSentEvent | None:
        data, event = self._data, self._event or "message"
        self._data, self._event = [], ""
        return ServerSentEvent(self._id, event, "\n".join(data)) if data else None
