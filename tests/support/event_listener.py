"""A client of event streams that reads in a thread and keeps the events."""

import base64
import io
import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import httpx
from PIL import Image

from jobs.models import Job
from tests.support.workers import WAIT_TIMEOUT_SECONDS, wait_until


@dataclass(frozen=True)
class ReceivedEvent:
    id: str
    kind: str
    data: dict[str, Any]

    @property
    def image(self) -> Image.Image:
        return Image.open(io.BytesIO(base64.b64decode(self.data["image_base64"])))


def parse(text: str) -> list[ReceivedEvent]:
    """Return the events of a stream, without keep-alive comments."""
    events = []
    for block in text.split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            events.append(ReceivedEvent(fields["id"], fields["event"], json.loads(fields["data"])))
    return events


class Listener:
    """A context manager that reads the stream."""

    def __init__(self, base_url: str, job: Job, headers: dict[str, str], last: str | None = None) -> None:
        self._client = httpx.Client(base_url=base_url, timeout=WAIT_TIMEOUT_SECONDS)
        self._headers = headers if last is None else {**headers, "Last-Event-ID": last}
        self._path = f"/v1/videos/{job.public_id}/events"
        self.raw, self.ended, self.status, self.headers = "", False, 0, httpx.Headers()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self.status or self.ended)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect, also in the middle of an event."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(WAIT_TIMEOUT_SECONDS)
        self._client.close()

    def _read(self) -> None:
        try:
            with self._client.stream("GET", self._path, headers=self._headers) as response:
                self._socket = response.extensions["network_stream"].get_extra_info("socket")
                self.headers, self.status = response.headers, response.status_code
                for text in response.iter_text():
                    self.raw += text
        except (httpx.HTTPError, RuntimeError):
            pass  # it was closed
        finally:
            self.ended = True

    @property
    def events(self) -> list[ReceivedEvent]:
        return parse(self.raw)

    def of_kind(self, kind: str) -> list[ReceivedEvent]:
        return [event for event in self.events if event.kind == kind]

    @property
    def statuses(self) -> list[str]:
        return [event.data["status"] for event in self.of_kind("status")]

    def wait(self, condition: Callable[[Self], Any], seconds: float = WAIT_TIMEOUT_SECONDS) -> None:
        wait_until(lambda: condition(self), seconds, lambda: f"received {self.raw[-2000:]!r}, ended: {self.ended}")
