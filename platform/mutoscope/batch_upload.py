"""A batch as it is sent: requests as JSON Lines on disk, with pictures that are read when their turn comes.

Few pictures, which may serve many requests, go as files of a form, each once. Many go inside their requests.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from mutoscope.calls import Call
from mutoscope.errors import BatchError, FileError

# The portal takes 21 files in a form; one of them are the requests.
_MOST_FILES = 20
_PIECE = 1 << 16
_IN_MEMORY = 1 << 20

Requests = str | os.PathLike[str] | Iterable[dict[str, Any]]


def read_requests(requests: Requests) -> list[dict[str, Any]]:
    """Of a file of JSON Lines, in whose folder its pictures are looked for, or of anything that gives dictionaries.

    Each is a submit, as the API takes it, and may name a picture's file as `image`. Raises BatchError and FileError.
    """
    if not isinstance(requests, str | os.PathLike):
        return [_with_path(request, Path()) for request in requests]
    path = Path(requests)
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise FileError(f"Cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise BatchError(f"{path} is not UTF-8.") from None
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    return [_with_path(_request(path, number, line), path.parent) for number, line in lines]


def _request(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise BatchError(f"{path}, line {number} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise BatchError(f"{path}, line {number} is not a JSON object.")
    return found


def _with_path(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    if "image" not in request:
        return request
    if not isinstance(request["image"], str | os.PathLike):
        raise BatchError("image: Name a picture's file.")
    path = folder / request["image"]
    if not path.is_file():
        raise FileError(f"Cannot read the picture {path}: there is no such file.")
    return {**request, "image": path}


class BatchUpload:
    """Use it as a context manager: the requests lie in a temporary file. `digest` is the same for the same batch."""

    def __init__(self, requests: list[dict[str, Any]], options: dict[str, Any]) -> None:
        self._options = {name: value for name, value in options.items() if value is not None}
        self._stack = ExitStack()
        paths = {request["image"]: None for request in requests if "image" in request}
        is_form = len(paths) <= _MOST_FILES
        self._pictures = {path: f"picture-{number}" for number, path in enumerate(paths)} if is_form else {}
        self._lines: IO[bytes] = self._stack.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115
        seen = hashlib.sha256(json.dumps(self._options, sort_keys=True).encode())
        try:
            for request in requests:
                line = json.dumps(self._as_sent(request), ensure_ascii=False).encode() + b"\n"
                seen.update(line)
                self._lines.write(line)
            self._files = {name: self._stack.enter_context(_opened(path)) for path, name in self._pictures.items()}
            for file in self._files.values():
                seen.update(hashlib.file_digest(file, "sha256").digest())  # type: ignore[arg-type]
        except BaseException:
            self._stack.close()
            raise
        self.digest = seen.hexdigest()

    def __enter__(self) -> BatchUpload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def call(self, idempotency_key: str) -> Call:
        """The whole of it; may be sent any number of times."""
        headers = {"Idempotency-Key": idempotency_key}
        if self._files:
            files = {"requests": ("requests.jsonl", self._lines, "application/jsonl")}
            pictures = {name: (name, file, "application/octet-stream") for name, file in self._files.items()}
            return Call("POST", "/v1/batches", data=self._options, files={**files, **pictures}, headers=headers)
        length = self._lines.seek(0, os.SEEK_END)
        headers |= {"Content-Type": "application/jsonl", "Content-Length": str(length)}
        return Call("POST", "/v1/batches", params=self._options, content=_Pieces(self._lines), headers=headers)

    def _as_sent(self, request: dict[str, Any]) -> dict[str, Any]:
        if "image" not in request:
            return request
        rest = {name: value for name, value in request.items() if name != "image"}
        path = request["image"]
        if path in self._pictures:
            return {**rest, "image_name": self._pictures[path]}
        with _opened(path) as file:
            return {**rest, "image_base64": base64.b64encode(file.read()).decode()}


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise FileError(f"Cannot read the picture {path}: {error.strerror}.") from error


class _Pieces:
    """A file's content, from its start each time that it is asked for."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        while piece := self._file.read(_PIECE):
            yield piece
