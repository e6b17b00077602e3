"""Uploads of batches: the requests are JSON Lines in a temporary file, images are read one at a time.

Up to 20 different images are sent as files of a multipart form, each once, even if many requests use them. With more
images, each request contains its own images in base64.
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

from mutoscope.api_requests import RequestSpec
from mutoscope.errors import BatchError, FileError

# The server accepts 21 files in a form. One of them has the requests.
_MAX_FILES = 20
_IMAGES = ("image", "last_image")
_CHUNK_BYTES = 1 << 16
_MAX_MEMORY_BYTES = 1 << 20

RequestSource = str | os.PathLike[str] | Iterable[dict[str, Any]]


def read_requests(requests: RequestSource) -> list[dict[str, Any]]:
    """Returns the requests of a JSON Lines file, or of dictionaries. Raises BatchError and FileError.

    Each has the fields of a video request. Its `image` and `last_image` are paths of image files, relative to the
    folder of the JSON Lines file.
    """
    if not isinstance(requests, str | os.PathLike):
        return [_resolve_images(request, Path()) for request in requests]
    path = Path(requests)
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise FileError(f"Cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise BatchError(f"{path} is not encoded in UTF-8.") from None
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    return [_resolve_images(_parse_line(path, number, line), path.parent) for number, line in lines]


def _parse_line(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except ValueError as error:
        raise BatchError(f"{path}, line {number} is not JSON: {error}") from None
    if not isinstance(request, dict):
        raise BatchError(f"{path}, line {number} is not a JSON object.")
    return request


def _resolve_images(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {**request, **{name: _resolve_path(name, request[name], folder) for name in _IMAGES if name in request}}


def _resolve_path(name: str, value: Any, folder: Path) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise BatchError(f"{name}: Use the path of an image file.")
    path = folder / value
    if not path.is_file():
        raise FileError(f"Cannot read the image {path}: the file does not exist.")
    return path


class BatchUpload:
    """The body of a batch request. Use it as a context manager: it has open files.

    `digest` is equal for equal requests, options and images.
    """

    def __init__(self, requests: list[dict[str, Any]], options: dict[str, Any]) -> None:
        self._options = {name: value for name, value in options.items() if value is not None}
        self._stack = ExitStack()
        paths = {request[name]: None for request in requests for name in _IMAGES if name in request}
        is_form = len(paths) <= _MAX_FILES
        self._image_names = {path: f"image-{number}" for number, path in enumerate(paths)} if is_form else {}
        self._lines: IO[bytes] = self._stack.enter_context(tempfile.SpooledTemporaryFile(_MAX_MEMORY_BYTES))  # noqa: SIM115
        digest = hashlib.sha256(json.dumps(self._options, sort_keys=True).encode())
        try:
            for request in requests:
                line = json.dumps(self._serialize(request), ensure_ascii=False).encode() + b"\n"
                digest.update(line)
                self._lines.write(line)
            self._files = {
                name: self._stack.enter_context(_open_image(path)) for path, name in self._image_names.items()
            }
            for file in self._files.values():
                digest.update(hashlib.file_digest(file, "sha256").digest())  # type: ignore[arg-type]
        except BaseException:
            self._stack.close()
            raise
        self.digest = digest.hexdigest()

    def __enter__(self) -> BatchUpload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def spec(self, idempotency_key: str) -> RequestSpec:
        """Returns the request with all data. It can be sent any number of times."""
        headers = {"Idempotency-Key": idempotency_key}
        if self._files:
            files = {"requests": ("requests.jsonl", self._lines, "application/jsonl")}
            images = {name: (name, file, "application/octet-stream") for name, file in self._files.items()}
            return RequestSpec("POST", "/v1/batches", data=self._options, files={**files, **images}, headers=headers)
        length = self._lines.seek(0, os.SEEK_END)
        headers |= {"Content-Type": "application/jsonl", "Content-Length": str(length)}
        return RequestSpec(
            "POST", "/v1/batches", params=self._options, content=_FileChunks(self._lines), headers=headers
        )

    def _serialize(self, request: dict[str, Any]) -> dict[str, Any]:
        fields = {name: value for name, value in request.items() if name not in _IMAGES}
        for name in _IMAGES:
            if name not in request:
                continue
            path = request[name]
            if path in self._image_names:
                fields[f"{name}_name"] = self._image_names[path]
            else:
                with _open_image(path) as file:
                    fields[f"{name}_base64"] = base64.b64encode(file.read()).decode()
        return fields


def _open_image(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise FileError(f"Cannot read the image {path}: {error.strerror}.") from error


class _FileChunks:
    """An iterable over the chunks of a file. Each iteration begins at the start of the file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK_BYTES):
            yield chunk
