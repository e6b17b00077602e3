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
from common.messages import Message
from jobs.api.fields import UNSTORABLE_CHARACTERS
from jobs.api.parsers import BoundedMultiPartParser, StrictJSONParser, body_too_large, parse_json_object

MAX_ITEMS = 500
# A JSON body lies in memory as a whole, more than once.
MAX_JSON_BYTES = 16_000_000
# Complaints about requests quote the names, and are kept in the database.
IMAGE_NAME_PATTERN = r"[^\u0000-\u001f\u007f-\u009f]{1,100}"
_CHUNK_BYTES = 1 << 16


class Requests(Protocol):
    """The requests of a batch, to be gone through more than once."""

    def __iter__(self) -> Iterator[dict[str, Any] | MutoscopeError]:
        """Each as a JSON object, or what is wrong with it."""

    def fingerprint_input(self) -> Any:
        """What an idempotency key is compared by."""

    def close(self) -> None:
        """Gives back what lies on disk."""


class JsonRequests:
    """Of one JSON body."""

    def __init__(self, rows: Any) -> None:
        if not isinstance(rows, list):
            raise InvalidField("requests: Send a list of requests.", param="requests")
        self._rows = rows

    def __iter__(self) -> Iterator[dict[str, Any] | MutoscopeError]:
        for row in self._rows:
            yield row if isinstance(row, dict) else Malformed("A request must be a JSON object.")

    def fingerprint_input(self) -> Any:
        return self._rows

    def close(self) -> None:
        pass


class JsonLinesRequests:
    """Of a file of JSON Lines; lines that hold nothing are none."""

    def __init__(self, file: UploadedFile) -> None:
        self._file = file

    def __iter__(self) -> Iterator[dict[str, Any] | MutoscopeError]:
        self._file.seek(0)
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        for line in _lines(self._file, limit):
            if line is None:
                yield body_too_large(limit, Message("Send a smaller image."), subject="line")
                continue
            try:
                yield parse_json_object(line, subject="line")
            except Malformed as error:
                yield error

    def fingerprint_input(self) -> Any:
        return self._file

    def close(self) -> None:
        self._file.close()


def _lines(file: IO[bytes] | UploadedFile, limit: int) -> Iterator[bytes | None]:
    """Lines that hold something; None for one of more than `most` bytes, which is passed over piece by piece.

    The mark that some editors put before a text belongs to no line.
    """
    if file.read(len(BOM_UTF8)) != BOM_UTF8:
        file.seek(0)
    while line := file.readline(limit + 1):
        if len(line) > limit and not line.endswith(b"\n"):
            while (rest := file.readline(_CHUNK_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield None
        elif line := line.strip():
            yield line


@dataclass(frozen=True)
class BatchBody:
    """options: the batch's own fields, unchecked. pictures: what requests may share, by name: files, or base64."""

    options: Mapping[str, Any]
    requests: Requests
    images: Mapping[str, Any] = field(default_factory=dict)

    def count(self) -> int:
        """How many requests there are. Raises InvalidField for none and for too many."""
        count = sum(1 for _ in islice(self.requests, MAX_ITEMS + 1))
        if not 1 <= count <= MAX_ITEMS:
            found = "none" if not count else "more"
            message = f"requests: A batch holds 1 to {MAX_ITEMS} requests; this one has {found}."
            raise InvalidField(message, code="wrong_number_of_requests", param="requests")
        return count

    def close(self) -> None:
        self.requests.close()

    def fingerprint_input(self) -> dict[str, Any]:
        """All of it, for comparing what an idempotency key came with."""
        images = {f"picture {name}": image for name, image in self.images.items()}
        return {**self.options, "requests": self.requests.fingerprint_input(), **images}


class BatchJSONParser(StrictJSONParser):
    advice = Message("Send many images as JSON Lines, or one image for many requests: see `images`.")

    def max_bytes(self) -> int:
        return MAX_JSON_BYTES


class BatchFormParser(BoundedMultiPartParser):
    advice = Message("Send it as several batches.")

    def max_bytes(self) -> int:
        limit: int = settings.MAX_BATCH_BODY_BYTES
        return limit


class JsonLinesParser(BaseParser):
    """Keeps the body on disk, as forms do with files."""

    media_type = "application/jsonl"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        limit = settings.MAX_BATCH_BODY_BYTES
        file = TemporaryUploadedFile("requests.jsonl", self.media_type, 0, None)
        while piece := stream.read(_CHUNK_BYTES):
            file.write(piece)
            if file.tell() > limit:
                file.close()
                raise body_too_large(limit, BatchFormParser.advice)
        options = parser_context["request"].query_params.dict() if parser_context else {}
        return BatchBody(options, JsonLinesRequests(file))


class NdjsonParser(JsonLinesParser):
    media_type = "application/x-ndjson"


def body_from_request(request: Request) -> BatchBody:
    """Raises InvalidField for a body without requests, and for parts of a form that are doubled or too large."""
    if isinstance(request.data, BatchBody):
        return request.data
    body = request.data
    if not hasattr(body, "getlist"):
        images = body.get("images", {})
        if not isinstance(images, dict) or not all(isinstance(each, str) and each for each in images.values()):
            raise InvalidField("images: Send an object of names and pictures in base64.", param="images")
        _check_names(images)
        options = {name: value for name, value in body.items() if name not in {"requests", "images"}}
        return BatchBody(options, JsonRequests(body.get("requests")), images)
    return body_from_form({name: body.getlist(name) for name in body})


def body_from_form(parts: Mapping[str, list[Any]]) -> BatchBody:
    """A form: the file `requests`, pictures named as the requests name them, and the options as fields."""
    duplicate = next((name for name, values in parts.items() if len(values) > 1), None)
    if duplicate is not None:
        raise InvalidField(f"{duplicate}: Send it once.", param=duplicate[:60])
    fields = {name: values[0] for name, values in parts.items() if name != "csrfmiddlewaretoken"}
    requests = fields.pop("requests", None)
    if not isinstance(requests, UploadedFile):
        raise InvalidField("requests: Send a file of JSON Lines, one request a line.", param="requests")
    images = {name: value for name, value in fields.items() if isinstance(value, UploadedFile)}
    _check_names(images)
    for name, image in images.items():
        if (image.size or 0) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge(f"{name}: The picture is too large.", param=name[:60])
    options = {name: value for name, value in fields.items() if name not in images}
    return BatchBody(options, JsonLinesRequests(requests), images)


def _check_names(images: Iterable[str]) -> None:
    """Raises InvalidField."""
    if not all(re.fullmatch(IMAGE_NAME_PATTERN, name) and not UNSTORABLE_CHARACTERS.search(name) for name in images):
        raise InvalidField("images: Names of pictures are 1 to 100 printable characters.", param="images")
