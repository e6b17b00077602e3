"""Schemas of errors in the OpenAPI description, which the views share."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers

from jobs.api.openapi import bodies, fields, security  # noqa: F401 (registers the extensions of drf-spectacular)


class DetailSerializer(serializers.Serializer[Any]):
    loc = serializers.ListField(child=serializers.CharField())
    msg = serializers.CharField()
    type = serializers.CharField()


class ErrorBodySerializer(serializers.Serializer[Any]):
    type = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    param = serializers.CharField(allow_null=True)
    request_id = serializers.CharField()
    doc_url = serializers.URLField(help_text="documentation of this code: cause and solution")
    details = DetailSerializer(many=True)


class ErrorSerializer(serializers.Serializer[Any]):
    error = ErrorBodySerializer()


ERRORS: dict[str, Any] = {
    "4XX": OpenApiResponse(ErrorSerializer, description="The message describes what to change."),
    "5XX": OpenApiResponse(ErrorSerializer, description="An error of the server. Try again later."),
}
