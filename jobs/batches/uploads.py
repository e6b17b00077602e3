"""What a batch was sent as: one JSON body, a file of JSON Lines, or a form of such a file and pictures.

Of JSON Lines never more than one line lies in memory. Each is judged for itself: one that is broken spoils no other.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, Any, Protocol

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from common.errors import InvalidField, Malformed, MutoscopeError, TooLarge
from jobs.api.parsers import BoundedMultiPartParser, StrictJSONParser, body_too_large, strict_object
from jobs.fields import NOT_TEXT

MOST_ITEMS = 500
# A JSON body lies in memory as a whole, more than once.
MOST_JSON_BYTES = 16_000_000
# Complaints about requests quote the names, and are kept in the database.
PICTURE_NAME = r"[^\u0000-\u001f\u007f-\u009f]{1,100}"
_PIECE = 1 << 16


class Requests(Protocol):
    """The requests of a batch, to be gone through more than once."""

    def __iter__(self) -> Iterator[dict[str, Any] | MutoscopeError]:
        """Each as a JSON object, or what is wrong with it."""

    def digestible(self) -> Any:
        """What an idempotency key is compared by."""

    def close(self) -> None:
        """Gives back what lies on disk."""


class ListedRequests:
    """Of one JSON body."""

    def __init__(self, rows: Any) -> None:
        if not isinstance(rows, list):
            raise InvalidField("requests: Send a list of requests.", param="requests")
        self._rows = rows

    def __iter__(self) -> Iterator[dict[str, Any] | MutoscopeError]:
        for row in self._rows:
            yield row if isinstance(row, dict) else Malformed("A request must be a JSON object.")

    def digestible(self) -> Any:
        return self._rows

    def close(self) -> None:
        pass


class LinedRequests:
    """Of a file of JSON Lines; lines that hold nothing are none."""

    def __init__(self, file: UploadedFile) -> None:
        self._file = file

    def __iter__(self) -> Iterator[dict[str, Any] | MutoscopeError]:
        self._file.seek(0)
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        for line in _lines(self._file, most):
            if line is None:
                yield body_too_large(most, "Send a smaller picture.", called="line")
                continue
            try:
                yield strict_object(line, called="line")
            except Malformed as error:
                yield error

    def digestible(self) -> Any:
        return self._file

    def close(self) -> None:
        self._file.close()


def _lines(file: IO[bytes] | UploadedFile, most: int) -> Iterator[bytes | None]:
    """Lines that hold something; None for one of more than `most` bytes, which is passed over piece by piece.

    The mark that some editors put before a text belongs to no line.
    """
    if file.read(len(BOM_UTF8)) != BOM_UTF8:
        file.seek(0)
    while line := file.readline(most + 1):
        if len(line) > most and not line.endswith(b"\n"):
            while (rest := file.readline(_PIECE)) and not rest.endswith(b"\n"):
                pass
            yield None
        elif line := line.strip():
            yield line


@dataclass(frozen=True)
class Upload:
    """options: the batch's own fields, unchecked. pictures: what requests may share, by name: files, or base64."""

    options: Mapping[str, Any]
    requests: Requests
    pictures: Mapping[str, Any] = field(default_factory=dict)

    def count(self) -> int:
        """How many requests there are. Raises InvalidField for none and for too many."""
        count = sum(1 for _ in islice(self.requests, MOST_ITEMS + 1))
        if not 1 <= count <= MOST_ITEMS:
            found = "none" if not count else "more"
            message = f"requests: A batch holds 1 to {MOST_ITEMS} requests; this one has {found}."
            raise InvalidField(message, code="wrong_number_of_requests", param="requests")
        return count

    def close(self) -> None:
        self.requests.close()

    def digestible(self) -> dict[str, Any]:
        """All of it, for comparing what an idempotency key came with."""
        pictures = {f"picture {name}": picture for name, picture in self.pictures.items()}
        return {**self.options, "requests": self.requests.digestible(), **pictures}


class BatchJSONParser(StrictJSONParser):
    advice = "Send many pictures as JSON Lines, or one picture for many requests: see `images`."

    def most_bytes(self) -> int:
        return MOST_JSON_BYTES


class BatchFormParser(BoundedMultiPartParser):
    advice = "Send it as several batches."

    def most_bytes(self) -> int:
        most: int = settings.BATCH_BODY_BYTES
        return most


class JsonLinesParser(BaseParser):
    """Keeps the body on disk, as forms do with files."""

    media_type = "application/jsonl"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        most = settings.BATCH_BODY_BYTES
        file = TemporaryUploadedFile("requests.jsonl", self.media_type, 0, None)
        while piece := stream.read(_PIECE):
            file.write(piece)
            if file.tell() > most:
                file.close()
                raise body_too_large(most, BatchFormParser.advice)
        options = parser_context["request"].query_params.dict() if parser_context else {}
        return Upload(options, LinedRequests(file))


class NdjsonParser(JsonLinesParser):
    media_type = "application/x-ndjson"


def upload_of(request: Request) -> Upload:
    """Raises InvalidField for a body without requests, and for parts of a form that are doubled or too large."""
    if isinstance(request.data, Upload):
        return request.data
    body = request.data
    if not hasattr(body, "getlist"):
        pictures = body.get("images", {})
        if not isinstance(pictures, dict) or not all(isinstance(each, str) and each for each in pictures.values()):
            raise InvalidField("images: Send an object of names and pictures in base64.", param="images")
        _check_names(pictures)
        options = {name: value for name, value in body.items() if name not in {"requests", "images"}}
        return Upload(options, ListedRequests(body.get("requests")), pictures)
    return upload_of_form({name: body.getlist(name) for name in body})


def upload_of_form(parts: Mapping[str, list[Any]]) -> Upload:
    """A form: the file `requests`, pictures named as the requests name them, and the options as fields."""
    doubled = next((name for name, values in parts.items() if len(values) > 1), None)
    if doubled is not None:
        raise InvalidField(f"{doubled}: Send it once.", param=doubled[:60])
    fields = {name: values[0] for name, values in parts.items() if name != "csrfmiddlewaretoken"}
    requests = fields.pop("requests", None)
    if not isinstance(requests, UploadedFile):
        raise InvalidField("requests: Send a file of JSON Lines, one request a line.", param="requests")
    pictures = {name: value for name, value in fields.items() if isinstance(value, UploadedFile)}
    _check_names(pictures)
    for name, picture in pictures.items():
        if (picture.size or 0) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge(f"{name}: The picture is too large.", param=name[:60])
    options = {name: value for name, value in fields.items() if name not in pictures}
    return Upload(options, LinedRequests(requests), pictures)


def _check_names(pictures: Iterable[str]) -> None:
    """Raises InvalidField."""
    if not all(re.fullmatch(PICTURE_NAME, name) and not NOT_TEXT.search(name) for name in pictures):
        raise InvalidField("images: Names of pictures are 1 to 100 printable characters.", param="images")
