"""Validation of bodies, queries and headers."""

from typing import Any

from django.utils.datastructures import MultiValueDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from common.errors import InvalidField
from jobs.api.field_errors import error_detail

_MAX_DEADLINE_SECONDS = 7 * 24 * 3600

CANCEL_AFTER_PARAMETER = OpenApiParameter(
    "Cancel-After", int, "header", description="Seconds in which the video must start"
)


def validate(serializer: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    """Return the validated values of a body or query. Raise ValidationError with a detail for each invalid field."""
    bound = serializer(data=_reject_repeated(data) if isinstance(data, MultiValueDict) else data)
    bound.is_valid(raise_exception=True)
    values: dict[str, Any] = bound.validated_data
    return values


def _reject_repeated(data: "MultiValueDict[str, Any]") -> dict[str, Any]:
    """Return the fields of a form or query. Repeated fields are rejected, since all but one would be lost."""
    if repeated := [name for name, values in data.lists() if len(values) > 1]:
        detail = error_detail("The field was sent more than once. Send it once.", code="repeated")
        raise serializers.ValidationError({name[:60]: [detail] for name in repeated})
    return data.dict()


def parse_cancel_after(request: Request) -> int | None:
    """Return the value of the Cancel-After header, or None. Raise InvalidField."""
    header = request.headers.get("Cancel-After")
    if header is None:
        return None
    # int() accepts 1_0 and +5, and raises for thousands of digits. 20 digits exceed the limit already.
    seconds = int(header[:20]) if header.isascii() and header.isdigit() else 0
    return validate_deadline(seconds, header="Cancel-After")


def validate_deadline(seconds: int, *, header: str) -> int:
    """Return the seconds in which a video must start, the value of that header. Raise InvalidField."""
    if 1 <= seconds <= _MAX_DEADLINE_SECONDS:
        return seconds
    raise InvalidField(
        "%(header)s must be a whole number of seconds from 1 to %(limit)s.",
        {"header": header, "limit": _MAX_DEADLINE_SECONDS},
        param=header,
    )
