"""Schemas of errors in the OpenAPI description, which the views share."""

from typing import Any, TypedDict

from drf_spectacular.utils import OpenApiResponse

from jobs.api.errors import ErrorBodyShape
from jobs.api.openapi import bodies, fields, security  # noqa: F401 (registers the extensions of drf-spectacular)
from jobs.api.shapes import serializer_of


class ErrorShape(TypedDict):
    error: ErrorBodyShape


ErrorSerializer = serializer_of(ErrorShape)

ERRORS: dict[str, Any] = {
    "4XX": OpenApiResponse(ErrorSerializer, description="The message describes what to change."),
    "5XX": OpenApiResponse(ErrorSerializer, description="An error of the server. Try again later."),
}
