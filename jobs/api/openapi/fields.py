"""JSON Schema for the fields of `jobs.api.fields`."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension

from common.ids import HEX
from common.urls import HTTP_URL
from inference.models.input_schema import ANY_TEXT, METADATA, NOT_BLANK, SECONDS


class _FieldExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    extra_schema: dict[str, Any] = {}

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        schema: dict[str, Any] = auto_schema._map_serializer_field(self.target, direction, bypass_extensions=True)
        return {**schema, **self.extra_rules()}

    def extra_rules(self) -> dict[str, Any]:
        return self.extra_schema


class TextFieldExtension(_FieldExtension):  # type: ignore[no-untyped-call]
    target_class = "jobs.api.fields.TextField"
    match_subclasses = False

    def extra_rules(self) -> dict[str, Any]:
        # Without trimming, blank text is valid.
        may_be_blank = self.target.allow_blank or not self.target.trim_whitespace
        return {"pattern": ANY_TEXT if may_be_blank else NOT_BLANK}


class HttpUrlFieldExtension(_FieldExtension):  # type: ignore[no-untyped-call]
    target_class = "jobs.api.fields.HttpUrlField"
    extra_schema = {"pattern": HTTP_URL, "examples": ["https://example.com/hook"]}


class IdFieldExtension(_FieldExtension):  # type: ignore[no-untyped-call]
    target_class = "jobs.api.fields.IdField"

    def extra_rules(self) -> dict[str, Any]:
        return {"pattern": f"^({'|'.join(self.target.prefixes)})_{HEX}$"}


class SecondsFieldExtension(_FieldExtension):  # type: ignore[no-untyped-call]
    target_class = "jobs.api.fields.SecondsField"
    extra_schema = {"pattern": SECONDS, "examples": ["2", "1.5"]}


class FramePositionFieldExtension(_FieldExtension):  # type: ignore[no-untyped-call]
    target_class = "jobs.api.fields.FramePositionField"
    extra_schema = {"pattern": r"^(first|last|[0-9]{1,20}(\.[0-9]{1,15})?)$", "examples": ["first", "last", "1.5"]}


class MetadataFieldExtension(_FieldExtension):  # type: ignore[no-untyped-call]
    target_class = "jobs.api.fields.MetadataField"
    extra_schema = METADATA


class ListFieldExtension(_FieldExtension):  # type: ignore[no-untyped-call]
    target_class = "rest_framework.serializers.ListField"
    match_subclasses = True

    def extra_rules(self) -> dict[str, Any]:
        return {} if self.target.allow_empty else {"minItems": 1}
