"""Bodies that are hostile or broken get a 400 that says so, before anything else looks at them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from rest_framework.parsers import BaseParser, MultiPartParser

from common.errors import Malformed, TooLarge

_MOST_DIGITS = 40


class StrictJSONParser(BaseParser):
    """RFC 8259 and no more: no NaN, no doubled names, no depth that overflows the stack, UTF-8 only."""

    media_type = "application/json"
    advice = "Send a smaller picture."

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        most = self.most_bytes()
        raw: bytes = stream.read(most + 1)
        if len(raw) > most:
            raise body_too_large(most, self.advice)
        return strict_object(raw)

    def most_bytes(self) -> int:
        """Of the whole body, which lies in memory."""
        most: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        return most


def strict_object(raw: bytes, *, called: str = "body") -> dict[str, Any]:
    """The JSON object in a body, or in what else the messages are to call it. Raises Malformed."""
    try:
        text = raw.decode("utf-8-sig")
        found = json.loads(text, parse_constant=_refuse, parse_int=_bounded, object_pairs_hook=_unique)
    except RecursionError:
        raise Malformed("The JSON is nested too deeply. Send one flat object.") from None
    except UnicodeDecodeError:
        raise Malformed(f"The {called} is not UTF-8.") from None
    except ValueError as error:
        raise Malformed(f"The {called} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise Malformed(f"The {called} must be a JSON object.")
    return found


class BoundedMultiPartParser(MultiPartParser):
    """A form with a picture. Django bounds the fields of a form, but not its files."""

    advice = "Send a smaller picture."

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        most = self.most_bytes()
        announced = stream.META.get("CONTENT_LENGTH") if hasattr(stream, "META") else None
        if announced and announced.isdigit() and int(announced) > most:
            raise body_too_large(most, self.advice)
        form = super().parse(stream, media_type=media_type, parser_context=parser_context)
        files = cast("Iterable[UploadedFile]", form.files.values())
        if sum(file.size or 0 for file in files) > most:
            raise body_too_large(most, self.advice)
        return form

    def most_bytes(self) -> int:
        """Of the whole body, whose files lie on disk."""
        most: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        return most


WITH_FILES: Sequence[type[BaseParser]] = (StrictJSONParser, BoundedMultiPartParser)
"""For views that take a picture."""


def body_too_large(most_bytes: int, advice: str, *, called: str = "body") -> TooLarge:
    return TooLarge(f"The {called} is larger than {most_bytes // 1_000_000} MB. {advice}", code="body_too_large")


def _bounded(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number has more than {_MOST_DIGITS} digits")
    return int(digits)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice in one object")
    return found
