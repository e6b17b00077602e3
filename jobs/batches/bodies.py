"""The body of a batch: one JSON document, a file of JSON Lines, or a form with such a file and images.

At most one line of JSON Lines is in memory at a time. Each line is validated separately: a malformed line does not
affect the others.
"""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, Any, Protocol

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from common.errors import Detail, Malformed, MutoscopeError, TooLarge, invalid_field, invalid_fields
from common.messages import Message
from common.text import MAX_EXPANSION, normalize_text
from jobs.api.fields import UNSTORABLE_CHARACTERS
from jobs.api.parsers import BoundedMultiPartParser, StrictJSONParser, body_too_large, parse_json_object
from jobs.videos.idempotency import without_nulls

MAX_ITEMS = 500
# A JSON body is kept in memory as a whole, more than once.
MAX_JSON_BYTES = 16_000_000
# Errors of requests quote the names, and are stored in the database.
IMAGE_NAME_PATTERN = r"[^\u0000-\u001f\u007f-\u009f]{1,100}"
_CHUNK_BYTES = 1 << 16
# A client that sends more of them wastes the time of the server.
_MAX_BLANK_LINES = 10_000


class Requests(Protocol):
    """The requests of a batch, which can be iterated more than once."""

    def __iter__(self) -> Iterator[dict[str, Any] | MutoscopeError]:
        """Yield each request as a JSON object, or the error that it has."""

    def fingerprint_input(self) -> Any:
        """Return the part of the fingerprint for the idempotency key."""

    def close(self) -> None:
        """Delete temporary files."""


class JsonRequests:
    """The requests of a JSON body."""

    def __init__(self, rows: Any) -> None:
        if not isinstance(rows, list):
            raise invalid_field("requests", "Send a list of requests.")
        self._rows = rows

    def __iter__(self) -> Iterator[dict[str, Any] | MutoscopeError]:
        for row in self._rows:
            yield row if isinstance(row, dict) else Malformed("A request must be a JSON object.")

    def fingerprint_input(self) -> Any:
        return [without_nulls(row) for row in self._rows]

    def close(self) -> None:
        pass


class JsonLinesRequests:
    """The requests of a file of JSON Lines. Blank lines are skipped."""

    def __init__(self, file: UploadedFile) -> None:
        """Raise Malformed if no line of the file can be read, because it is something else."""
        _check_format(file)
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


def _check_format(file: UploadedFile) -> None:
    """Look at the beginning, and for CR at the first line."""
    file.seek(0)
    beginning = file.read(_CHUNK_BYTES).removeprefix(BOM_UTF8).lstrip()
    if beginning.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) or b"\0" in beginning[:4]:
        raise Malformed("The requests are in UTF-16. Send them in UTF-8.")
    if beginning.startswith(b"["):
        raise Malformed("The requests are one JSON array. Send JSON Lines, one object on each line.")
    file.seek(0)
    line = next(_lines(file, settings.DATA_UPLOAD_MAX_MEMORY_SIZE), None) or b""
    start = line[:_CHUNK_BYTES]
    if b"\r" in start and b"}{" in b"".join(start.split()):
        raise Malformed("The lines of the requests end with CR only. End each line with LF.")


def _lines(file: IO[bytes] | UploadedFile, limit: int) -> Iterator[bytes | None]:
    """Yield the lines that are not blank; None for a line of more than `limit` bytes, which is skipped in chunks.

    A byte order mark, which some editors write, is not part of the first line. Raise Malformed for many blank lines.
    """
    blank_count = 0
    if file.read(len(BOM_UTF8)) != BOM_UTF8:
        file.seek(0)
    while line := file.readline(limit + 1):
        if len(line) > limit and not line.endswith(b"\n"):
            while (rest := file.readline(_CHUNK_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield None
        elif line := line.strip():
            yield line
        elif (blank_count := blank_count + 1) > _MAX_BLANK_LINES:
            raise Malformed("The requests have too many blank lines. Remove them.")


@dataclass(frozen=True)
class BatchBody:
    """A batch as it was sent.

    options: the batch's own fields, not validated. images: the shared images by name, as files or in base64.
    """

    options: Mapping[str, Any]
    requests: Requests
    images: Mapping[str, Any] = field(default_factory=dict)

    def count(self) -> int:
        """Return the number of requests. Raise InvalidField if there are none or too many."""
        count = sum(1 for _ in islice(self.requests, MAX_ITEMS + 1))
        if not 1 <= count <= MAX_ITEMS:
            params = {"limit": MAX_ITEMS}
            message = Message("The batch contains no requests. Send 1 to %(limit)s.", params)
            if count:
                message = Message("The batch contains more than %(limit)s requests. Send several batches.", params)
            detail = Detail(("requests",), message, "wrong_number_of_requests")
            raise invalid_fields(detail, code="wrong_number_of_requests")
        return count

    def close(self) -> None:
        self.requests.close()

    def fingerprint_input(self) -> dict[str, Any]:
        """Return the whole body, for the fingerprint of the idempotency key."""
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
    """Parse a body of JSON Lines. It is kept on disk, like the files of a form."""

    media_type = "application/jsonl"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        limit = settings.MAX_BATCH_BODY_BYTES
        file = TemporaryUploadedFile("requests.jsonl", self.media_type, 0, None)
        while chunk := stream.read(_CHUNK_BYTES):
            file.write(chunk)
            if file.tell() > limit:
                file.close()
                raise body_too_large(limit, BatchFormParser.advice)
        options = parser_context["request"].query_params.dict() if parser_context else {}
        return BatchBody(options, JsonLinesRequests(file))


class NdjsonParser(JsonLinesParser):
    media_type = "application/x-ndjson"


def body_from_request(request: Request) -> BatchBody:
    """Return the parsed body. Raise InvalidField for a body without requests, or a repeated or too large form field."""
    if isinstance(request.data, BatchBody):
        return request.data
    body = request.data
    if not hasattr(body, "getlist"):
        images = body.get("images", {})
        if not isinstance(images, dict) or not all(isinstance(each, str) and each for each in images.values()):
            raise invalid_field("images", "Send an object that maps names to images in base64.")
        images = _with_normalized_names(images)
        options = {name: value for name, value in body.items() if name not in {"requests", "images"}}
        return BatchBody(options, JsonRequests(body.get("requests")), images)
    return body_from_form({name: body.getlist(name) for name in body})


def body_from_form(parts: Mapping[str, list[Any]]) -> BatchBody:
    """Return the body of a form: the file `requests`, image files under their names, and options as fields."""
    duplicate = next((name for name, values in parts.items() if len(values) > 1), None)
    if duplicate is not None:
        raise invalid_field(duplicate[:60], "The field was sent more than once. Send it once.")
    fields = {name: values[0] for name, values in parts.items() if name != "csrfmiddlewaretoken"}
    requests = fields.pop("requests", None)
    if not isinstance(requests, UploadedFile):
        raise invalid_field("requests", "Send a file of JSON Lines with one request per line.")
    files = {name: value for name, value in fields.items() if isinstance(value, UploadedFile)}
    images = _with_normalized_names(files)
    for name, image in images.items():
        if (image.size or 0) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise invalid_field(name[:60], "The image is too large. Send a smaller image.", family=TooLarge)
    options = {name: value for name, value in fields.items() if name not in files}
    return BatchBody(options, JsonLinesRequests(requests), images)


def _with_normalized_names(images: Mapping[str, Any]) -> dict[str, Any]:
    """Return the images by the names that requests refer to: macOS sends the names of files in another form of Unicode.

    Raise InvalidField if a name is empty, too long or not printable, or if two become one.
    """
    # Cut, since normalizing takes time: a name that is too long remains so.
    named = {normalize_text(name[: MAX_EXPANSION * 100 + 1]): image for name, image in images.items()}
    if not all(re.fullmatch(IMAGE_NAME_PATTERN, name) and not UNSTORABLE_CHARACTERS.search(name) for name in named):
        raise invalid_field("images", "Names of images must be 1 to 100 printable characters.")
    if len(named) < len(images):
        raise invalid_field("images", "Two images have the same name. Give each its own.")
    return named
