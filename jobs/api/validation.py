"""Checks of request bodies, queries and headers that several views share."""

from typing import Any

from django.utils.datastructures import MultiValueDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from common.errors import InvalidField
from jobs.api.field_errors import error_detail

_MAX_DEADLINE_SECONDS = 7 * 24 * 3600

CANCEL_AFTER_PARAMETER = OpenApiParameter(
    "Cancel-After", int, "header", description="Seconds in which it must have started"
)


def validate(serializer: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    """What a serializer makes of a body. Raises ValidationError, one detail for each field that is wrong."""
    bound = serializer(data=_reject_repeated(data) if isinstance(data, MultiValueDict) else data)
    bound.is_valid(raise_exception=True)
    values: dict[str, Any] = bound.validated_data
    return values


def _reject_repeated(data: "MultiValueDict[str, Any]") -> dict[str, Any]:
    """The fields of a form or a query. One that comes twice is refused, as in JSON: the first would be lost."""
    if doubled := [name for name, values in data.lists() if len(values) > 1]:
        detail = error_detail("The field was sent more than once. Send it once.", code="repeated")
        raise serializers.ValidationError({name[:60]: [detail] for name in doubled})
    return data.dict()


def parse_cancel_after(request: Request) -> int | None:
    """Seconds in which the video must have started, where the caller says so. Raises InvalidField."""
    given = request.headers.get("Cancel-After")
    if given is None:
        return None
    # int() would take 1_0 and +5, and refuses thousands of digits; of 20 the first are too many already.
    seconds = int(given[:20]) if given.isascii() and given.isdigit() else 0
    return validate_deadline(seconds, header="Cancel-After")


def validate_deadline(seconds: int, *, header: str) -> int:
    """Seconds in which a video must have started, as that header has them. Raises InvalidField."""
    if 1 <= seconds <= _MAX_DEADLINE_SECONDS:
        return seconds
    raise InvalidField(
        "%(header)s must be a whole number of seconds from 1 to %(limit)s.",
        {"header": header, "limit": _MAX_DEADLINE_SECONDS},
        param=header,
    )
