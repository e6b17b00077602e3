"""Errors of serializer fields that keep template and parameters, so that they can be rendered in any language later.

Django REST framework renders a field's message when it raises it, and copies text and code on the way up. The code is
passed on untouched: it carries the message.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from django.utils.translation import override
from rest_framework import serializers
from rest_framework.utils.formatting import lazy_format

from common.messages import Message

_MAX_QUOTED_LENGTH = 300


class MessageCode(str):
    """The code of an error, with the message that belongs to it."""

    message: Message

    def __new__(cls, code: str, message: Message) -> "MessageCode":
        self = super().__new__(cls, code)
        self.message = message
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return MessageCode, (str(self), self.message)


def error_detail(template: str, params: Mapping[str, Any] | None = None, *, code: str) -> serializers.ErrorDetail:
    """Return one error of a field, for a dictionary of errors by field. The template is an English literal."""
    message = Message(template, {name: printable(value) for name, value in (params or {}).items()})
    # In the active language, as the framework does with its own.
    return serializers.ErrorDetail(message.localized(), code=MessageCode(code, message))


def field_error(template: str, params: Mapping[str, Any] | None = None, *, code: str) -> serializers.ValidationError:
    """Return the exception for a field whose value is refused. The template is an English literal."""
    detail = error_detail(template, params, code=code)
    return serializers.ValidationError([str(detail)], code=detail.code)


def message_of(detail: str) -> Message:
    """Return the message of an error that a serializer reports."""
    code = getattr(detail, "code", "")
    return code.message if isinstance(code, MessageCode) else Message(printable(str(detail)))


def flatten_errors(errors: Any, location: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield (location, error) for the nested errors of a serializer."""
    if isinstance(errors, dict):
        for name, inner in errors.items():
            yield from flatten_errors(inner, (*location, str(name)) if name != "non_field_errors" else location)
    elif isinstance(errors, list):
        for inner in errors:
            yield from flatten_errors(inner, location)
    else:
        yield tuple(printable(part) for part in location) or ("body",), errors


class MessageFieldMixin:
    """Keep template and parameters of the framework's own errors, too. List it before the field's class."""

    error_messages: dict[str, Any]
    validators: list[Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for validator in self.validators:
            text = getattr(validator, "message", None)
            # The framework's texts for minimum, maximum and length. Once rendered they stay in that language.
            if isinstance(text, lazy_format) and text.format_string is not None:
                message = Message(_untranslated(text.format_string), dict(text.kwargs))
                validator.code = MessageCode(validator.code, message)

    def fail(self, key: str, **kwargs: Any) -> NoReturn:
        """Raise the field's error of this key."""
        raise field_error(_untranslated(self.error_messages[key]), kwargs, code=key)


def printable(value: Any) -> Any:
    """Return a value that errors can quote: shortened, without NUL and unpaired surrogates, which cannot be stored."""
    if isinstance(value, bool | int | float | None):
        return value
    return str(value)[:_MAX_QUOTED_LENGTH].replace("\0", "?").encode("utf-8", "replace").decode()


def _untranslated(text: Any) -> str:
    """Return the msgid behind a text that is marked for translation."""
    with override(None):
        return str(text)
