"""Bodies that are hostile or broken get a 400 that says so, before anything else looks at them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from rest_framework.parsers import BaseParser, MultiPartParser

from common.errors import Malformed, TooLarge

_MAX_DIGITS = 40


class StrictJSONParser(BaseParser):
    """RFC 8259 and no more: no NaN, no doubled names, no depth that overflows the stack, UTF-8 only."""

    media_type = "application/json"
    advice = "Send a smaller picture."

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        max_bytes = self.max_bytes()
        raw: bytes = stream.read(max_bytes + 1)
        if len(raw) > max_bytes:
            raise body_too_large(max_bytes, self.advice)
        return parse_json_object(raw)

    def max_bytes(self) -> int:
        """Of the whole body, which lies in memory."""
        max_bytes: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        return max_bytes


def parse_json_object(raw: bytes, *, subject: str = "body") -> dict[str, Any]:
    """The JSON object in a body, or in what else the messages are to call it. Raises Malformed."""
    try:
        text = raw.decode("utf-8-sig")
        found = json.loads(
            text,
            parse_constant=_reject_constant,
            parse_int=_parse_bounded_int,
            object_pairs_hook=_reject_duplicate_names,
        )
    except RecursionError:
        raise Malformed("The JSON is nested too deeply. Send one flat object.") from None
    except UnicodeDecodeError:
        raise Malformed(f"The {subject} is not UTF-8.") from None
    except ValueError as error:
        raise Malformed(f"The {subject} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise Malformed(f"The {subject} must be a JSON object.")
    return found


class BoundedMultiPartParser(MultiPartParser):
    """A form with a picture. Django bounds the fields of a form, but not its files."""

    advice = "Send a smaller picture."

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
        """Of the whole body, whose files lie on disk."""
        max_bytes: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        return max_bytes


JSON_AND_MULTIPART_PARSERS: Sequence[type[BaseParser]] = (StrictJSONParser, BoundedMultiPartParser)
"""For views that take a picture."""


def body_too_large(max_bytes: int, advice: str, *, subject: str = "body") -> TooLarge:
    return TooLarge(f"The {subject} is larger than {max_bytes // 1_000_000} MB. {advice}", code="body_too_large")


def _parse_bounded_int(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number has more than {_MAX_DIGITS} digits")
    return int(digits)


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _reject_duplicate_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice in one object")
    return found
