"""Strict parsers: hostile and malformed bodies are rejected with 400 before they are validated."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NoReturn, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from rest_framework.parsers import BaseParser, MultiPartParser

from common.errors import Malformed, TooLarge
from common.messages import Message

_MAX_DEPTH = 100
_MAX_DIGITS = 40
# A batch of 500 requests has about 20,000. Each costs far more memory and time than its bytes.
_MAX_VALUES = 100_000
Subject = Literal["body", "line"]


class StrictJSONParser(BaseParser):
    """Parse RFC 8259 strictly: UTF-8 only, no NaN, no duplicate names, no nesting that overflows the stack."""

    media_type = "application/json"
    advice = Message("Send a smaller image.")

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        max_bytes = self.max_bytes()
        raw: bytes = stream.read(max_bytes + 1)
        if len(raw) > max_bytes:
            raise body_too_large(max_bytes, self.advice)
        return parse_json_object(raw)

    def max_bytes(self) -> int:
        """Return the maximum size of the whole body, which is kept in memory."""
        max_bytes: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        return max_bytes


def parse_json_object(raw: bytes, *, subject: Subject = "body") -> dict[str, Any]:
    """Return the JSON object in a body, or in a line of JSON Lines. Raise Malformed."""
    value = parse_json(raw, subject=subject)
    if isinstance(value, dict):
        return value
    if subject == "line":
        raise Malformed("The line must be a JSON object.")
    raise Malformed("The body must be a JSON object.")


def parse_json(raw: bytes, *, subject: Subject = "body") -> Any:
    """Return the JSON value in a body, or in a line of JSON Lines. Raise Malformed."""
    # Counted without parsing, and with those in texts: values are separated by commas or begin a list or an object.
    if sum(raw.count(sign) for sign in (b",", b"[", b"{")) > _MAX_VALUES:
        raise Malformed("The JSON contains more than %(limit)s values. Send fewer.", {"limit": _MAX_VALUES})
    try:
        text = raw.decode("utf-8-sig")
        value = json.loads(
            text,
            parse_constant=_reject_constant,
            parse_int=_parse_bounded_int,
            object_pairs_hook=_reject_duplicate_names,
        )
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError:
        if subject == "line":
            raise Malformed("The line is not UTF-8. Send it in UTF-8.") from None
        raise Malformed("The body is not UTF-8. Send it in UTF-8.") from None
    except ValueError as error:
        reason = {"reason": str(error)}
        if subject == "line":
            raise Malformed("The line is not valid JSON: %(reason)s", reason) from None
        raise Malformed("The body is not valid JSON: %(reason)s", reason) from None
    if _exceeds_depth(value):
        raise _too_deep()
    return value


def _too_deep() -> Malformed:
    return Malformed("The JSON is nested too deeply. Send one flat object.")


def _exceeds_depth(value: Any) -> bool:
    """Whether a value is nested deeper than what later code can walk, wherever it is on its own stack."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        containers = [each for each in level if isinstance(each, dict | list)]
        if not containers:
            return False
        level = [inner for each in containers for inner in (each.values() if isinstance(each, dict) else each)]
    return any(isinstance(each, dict | list) for each in level)


class BoundedMultiPartParser(MultiPartParser):
    """Parse a form with an image. Django limits the fields of a form, but not its files."""

    advice = Message("Send a smaller image.")

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        max_bytes = self.max_bytes()
        content_length = stream.META.get("CONTENT_LENGTH") if hasattr(stream, "META") else None
        if content_length and content_length.isdigit() and int(content_length) > max_bytes:
            raise body_too_large(max_bytes, self.advice)
        form = super().parse(stream, media_type=media_type, parser_context=parser_context)
        files = cast("Iterable[UploadedFile]", form.files.values())
        if sum(file.size or 0 for file in files) > max_bytes:
            raise body_too_large(max_bytes, self.advice)
        return form

    def max_bytes(self) -> int:
        """Return the maximum size of the whole body, whose files are stored on disk."""
        max_bytes: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        return max_bytes


JSON_AND_MULTIPART_PARSERS: Sequence[type[BaseParser]] = (StrictJSONParser, BoundedMultiPartParser)
"""For views that accept an image."""


def body_too_large(max_bytes: int, advice: Message, *, subject: Subject = "body") -> TooLarge:
    """Return the error for a body, or a line of JSON Lines, that exceeds the limit."""
    params = {"limit": max_bytes // 1_000_000, "advice": advice}
    if subject == "line":
        return TooLarge("The line is larger than %(limit)s MB. %(advice)s", params, code="body_too_large")
    return TooLarge("The body is larger than %(limit)s MB. %(advice)s", params, code="body_too_large")


def _parse_bounded_int(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number has more than {_MAX_DIGITS} digits")
    return int(digits)


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _reject_duplicate_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name appears twice in one object")
    return values
