"""Strict serializers and fields. PostgreSQL, UTF-8 and the engines can represent every value that they accept."""

import copy
import math
import re
from decimal import Decimal, InvalidOperation
from heapq import nsmallest
from typing import Any, NoReturn

from django.conf import settings
from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import gettext_noop as noop
from rest_framework import serializers
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from common.text import MAX_EXPANSION, has_visible_character, normalize_text
from common.urls import HTTP_URL
from jobs.api.field_errors import MessageFieldMixin, error_detail, field_error

# As many decimal places as a response, or any program that divides frames by their rate, writes.
_DECIMAL_SECONDS = re.compile(r"^\d{1,9}(\.\d{1,20})?$", re.ASCII)
_SLOW_CHARACTER_VALIDATORS = (ProhibitNullCharactersValidator, ProhibitSurrogateCharactersValidator)
UNSTORABLE_CHARACTERS = re.compile("[\0\ud800-\udfff]")
_MAX_METADATA_KEYS, _MAX_METADATA_VALUE_LENGTH = 16, 500
MAX_URL_LENGTH = 2000
_MAX_ID_LENGTH = 100
_MAX_NUMBER_LENGTH = 40
_MAX_TRIMMED_WHITESPACE = 1000
# An error lists at most this many names: a body may contain millions.
_MAX_REPORTED_UNKNOWN_FIELDS = 20


class StrictSerializer(serializers.Serializer[dict[str, Any]]):
    """A body without unknown fields: a misspelt field would have no effect otherwise."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return shallow copies of the declared fields.

        The framework creates all fields again for each request, which took a fifth of a submit. Fields keep no values,
        and their validators and messages do not change. Nested serializers cache their fields and are copied deeply.
        """
        return {
            name: copy.deepcopy(field) if isinstance(field, serializers.BaseSerializer) else copy.copy(field)
            for name, field in self._declared_fields.items()
        }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, dict):
            unknown = nsmallest(_MAX_REPORTED_UNKNOWN_FIELDS, (str(name) for name in data.keys() - self.fields.keys()))
            if unknown:
                detail = error_detail(
                    "There is no such field. Known fields: %(names)s.",
                    {"names": ", ".join(self.fields)},
                    code="unknown_field",
                )
                raise serializers.ValidationError({name[:60]: [detail] for name in unknown})
        values: dict[str, Any] = super().to_internal_value(data)
        return values


class NullableSerializer(StrictSerializer):
    """A strict body in which null is the same as leaving out an optional field."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, dict):
            nulls = {name for name, field in self.fields.items() if not field.required and data.get(name, ...) is None}
            if nulls:
                data = {name: value for name, value in data.items() if name not in nulls}
        return super().to_internal_value(data)


class TextField(MessageFieldMixin, serializers.CharField):
    """Text that PostgreSQL and UTF-8 can represent: without NUL and unpaired surrogates. It is normalized.

    Every text has a maximum length, which is checked before anything copies or matches the text, and again when it is
    normalized. With `trim_whitespace=False` or `normalizes = False` the text is data of the client, and stays as sent.
    """

    normalizes = True

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, **kwargs)
        self._max_length = max_length
        # The framework's validators check each character in Python: about 100 ms for an image of 1 MB.
        self.validators = [each for each in self.validators if not isinstance(each, _SLOW_CHARACTER_VALIDATORS)]

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, dict | list):  # the framework would render it
            raise _not_a_string()
        # The framework checks the exact length later, of the normalized text without the whitespace that it removes.
        if isinstance(data, str) and len(data) > self._max_sent_length():
            self.fail("max_length", max_length=self.max_length)
        return super().run_validation(data)

    def _max_sent_length(self) -> int:
        factor = MAX_EXPANSION if self._is_normalized() else 1
        return factor * self._max_length + _MAX_TRIMMED_WHITESPACE

    def _is_normalized(self) -> bool:
        return self.normalizes and bool(self.trim_whitespace)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise _not_a_string()
        if UNSTORABLE_CHARACTERS.search(data):
            raise field_error(
                "Contains a character that is not text (NUL or half of a surrogate pair). Remove it.", code="not_text"
            )
        if not self._is_normalized():
            return super().to_internal_value(data)
        text: str = super().to_internal_value(normalize_text(data))
        if not self.allow_blank and not has_visible_character(text):
            self.fail("blank")
        return text


def _not_a_string() -> serializers.ValidationError:
    return field_error("Must be a string.", code="wrong_type")


class Base64Field(TextField):
    """A file in base64, or as a data URI. Its limit is that of a whole body."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=settings.DATA_UPLOAD_MAX_MEMORY_SIZE, trim_whitespace=False, **kwargs)


class HttpUrlField(TextField):
    """An http or https URL with a host and without user name and password."""

    normalizes = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_URL_LENGTH, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if re.fullmatch(HTTP_URL, text):
            return text
        authority = re.match(r"https?://([^/?#]*)", text, re.IGNORECASE)
        if authority and "@" in authority[1]:
            raise field_error("Remove the user name and password from the URL.", code="malformed")
        if authority and not authority[1].isascii():
            raise field_error("Write the host name in ASCII, as xn--…", code="malformed")
        raise field_error("Write a complete URL, such as https://example.com/hook.", code="malformed")


class IdField(TextField):
    """A public id with one of these prefixes, such as `vid`. Malformed ids pass: the lookup does not find them."""

    normalizes = False

    def __init__(self, *prefixes: str, **kwargs: Any) -> None:
        super().__init__(max_length=_MAX_ID_LENGTH, **kwargs)
        self.prefixes = prefixes


class ChoiceField(MessageFieldMixin, serializers.ChoiceField):
    """One of several strings. The error lists them."""

    def __init__(self, choices: Any, **kwargs: Any) -> None:
        super().__init__(choices, **kwargs)
        self._max_length = max(len(str(choice)) for choice in self.choices)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or len(data) > self._max_length:
            self.fail("invalid_choice", input="")
        return super().to_internal_value(data)

    def fail(self, key: str, **kwargs: Any) -> NoReturn:
        if key == "invalid_choice":
            choices = ", ".join(map(str, self.choices))
            raise field_error("Choose one of: %(choices)s.", {"choices": choices}, code=key)
        super().fail(key, **kwargs)


class ImageFileField(MessageFieldMixin, serializers.FileField):
    """An image as a file in a form."""

    default_error_messages = {
        "invalid": noop("Send the image as a file in multipart/form-data, or as image_base64 in JSON."),
        "empty": noop("The file is empty. Send a PNG, JPEG, WebP, HEIC or AVIF image."),
    }


class InputReferenceField(ImageFileField):
    """A file, or OpenAI's object with a data URI or a URL, returned as `{image_base64: …}` or `{image_url: …}`."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            return super().to_internal_value(data)
        if "file_id" in data:
            raise field_error(
                "file_id is not supported. Send the image as a file or as image_url.", code="not_supported"
            )
        if {*data} != {"image_url"}:
            raise field_error(
                'Send a file, or an object with image_url alone: {"image_url": "data:image/png;base64,…"}.',
                code="malformed",
            )
        url = data["image_url"]
        if isinstance(url, str) and url[:5].lower() == "data:":
            return {"image_base64": Base64Field().run_validation(url)}
        return {"image_url": HttpUrlField().run_validation(url)}


def nest_form_fields(name: str, data: Any) -> Any:
    """Return the body with the fields `name[part]`, the form encoding of OpenAI's SDK, as an object under the name."""
    parts = [field for field in data if field.startswith(f"{name}[")] if isinstance(data, dict) else []
    if not parts or name in data:
        return data
    nested = {field.removeprefix(f"{name}[").removesuffix("]"): data[field] for field in parts}
    return {field: value for field, value in data.items() if field not in parts} | {name: nested}


class StrictBooleanField(MessageFieldMixin, serializers.BooleanField):
    """`true` or `false` as in JSON; neither 0 nor "yes"."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise field_error("Must be true or false.", code="wrong_type")
        return data


class FormBooleanField(StrictBooleanField):
    """`true` or `false`, in JSON or in a form."""

    default_empty_html = serializers.empty  # absent from a form means absent, since no page has an unchecked box for it

    def to_internal_value(self, data: Any) -> bool:
        return super().to_internal_value(
            {"true": True, "false": False}.get(data, data) if isinstance(data, str) else data
        )


def _is_not_numeric(data: Any) -> bool:
    """Return whether this is neither a number nor a string that JSON or a form would use for one.

    Only Python reads 1_000 and ٣ as numbers. A list or a long string must not be copied or matched.
    """
    if isinstance(data, str):
        return len(data) > _MAX_NUMBER_LENGTH or "_" in data or not data.isascii()
    return not isinstance(data, int | float)


class StrictIntegerField(MessageFieldMixin, serializers.IntegerField):
    """An integer in JSON or in a form. `true` and `8.5` are rejected."""

    def to_internal_value(self, data: Any) -> int:
        if _is_not_numeric(data):
            self.fail("invalid")
        if isinstance(data, bool) or (isinstance(data, float) and not data.is_integer()):
            raise field_error("Must be a whole number.", code="wrong_type")
        return super().to_internal_value(data)


class StrictFloatField(MessageFieldMixin, serializers.FloatField):
    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool):
            raise field_error("Must be a number.", code="wrong_type")
        if _is_not_numeric(data):
            self.fail("invalid")
        number = super().to_internal_value(data)
        if not math.isfinite(number):
            raise field_error("Must be a finite number.", code="not_finite")
        return number


class SecondsField(TextField):
    """Length of the video as a string, like in OpenAI's API. A number is accepted, too."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=_MAX_NUMBER_LENGTH, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = (
            str(data)
            if isinstance(data, int | float) and not isinstance(data, bool)
            else super().to_internal_value(data)
        )
        if not _DECIMAL_SECONDS.match(text):
            raise field_error('Write the length in seconds, such as "2" or "1.5".', code="malformed")
        return text


class FramePositionField(TextField):
    """A frame of a video: `first`, `last`, or a time in seconds, as a number or a string. Returned as a string."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=_MAX_NUMBER_LENGTH, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        is_number = isinstance(data, int | float) and not isinstance(data, bool)
        text = str(data) if is_number else super().to_internal_value(data)
        if text in {"first", "last"}:
            return text
        try:
            seconds = Decimal("NaN" if _is_not_numeric(text) else text)
        except InvalidOperation:
            seconds = Decimal("NaN")
        if not seconds.is_finite() or seconds < 0:
            raise field_error("Write first, last, or a time in seconds such as 1.5.", code="malformed")
        return text


class ShortListField(MessageFieldMixin, serializers.ListField):
    """A list of at most `max_length` entries, counted first: a million invalid entries would cause a million errors."""

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, **kwargs)
        self._max_length = max_length

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, list) and len(data) > self._max_length:
            raise field_error(
                "Contains %(count)s entries. The limit is %(limit)s.",
                {"count": len(data), "limit": self._max_length},
                code="invalid",
            )
        values: list[Any] = super().to_internal_value(data)
        return values


class MetadataField(MessageFieldMixin, serializers.DictField):
    """A flat object of up to 16 short strings, returned as it was sent."""

    default_error_messages = {
        "not_a_dict": noop("Must be an object of strings. In a form, send each one as metadata[name]."),
    }
    child = TextField(max_length=_MAX_METADATA_VALUE_LENGTH, allow_blank=True, trim_whitespace=False)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        # Counted first: a million invalid values would cause a million errors.
        if isinstance(data, dict) and len(data) > _MAX_METADATA_KEYS:
            raise field_error(
                "Contains %(count)s keys. The limit is %(limit)s.",
                {"count": len(data), "limit": _MAX_METADATA_KEYS},
                code="too_many",
            )
        values: dict[str, str] = super().to_internal_value(data)
        if any(not 1 <= len(key) <= 64 or UNSTORABLE_CHARACTERS.search(key) for key in values):
            raise field_error("Keys must be text of 1 to 64 characters.", code="malformed")
        return values
