"""Bodies: no unknown fields, no two names for one thing, and JSON and forms with the fields that each can carry."""

from copy import deepcopy
from inspect import getdoc
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiSerializerExtension
from rest_framework.serializers import ListSerializer

from jobs.api.fields import StrictSerializer

_MULTIPART = "multipart/form-data"
_IMAGE_FIELDS = ("image_base64", "image_name", "source_video", "image_url")
# What a batch holds many of, as JSON alone.
_BATCH_VIDEO_SCHEMA = "BatchVideoRequest"
_SCHEMA_REF_PREFIX = "#/components/schemas/"


class StrictSerializerExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Says of a strict serializer that it refuses unknown fields, and which fields exclude each other."""

    target_class = "jobs.api.fields.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        schema: dict[str, Any] = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        schema["additionalProperties"] = getattr(self.target, "FURTHER_FIELDS", False)
        schema["properties"] = {name: _merge_one_of(field) for name, field in schema.get("properties", {}).items()}
        for name, field in self.target.fields.items():
            maximum = getattr(field, "max_length", None)
            if isinstance(field, ListSerializer) and maximum is not None:
                schema["properties"][name] |= {"minItems": getattr(field, "min_length", None) or 0, "maxItems": maximum}
        if schema.get("description") == getdoc(StrictSerializer):
            del schema["description"]  # inherited: it speaks of the class, not of the body
        pairs = getattr(self.target, "MUTUALLY_EXCLUSIVE", ())
        excluded = [
            {"not": {"required": [first, second]}}
            for names in pairs
            for number, first in enumerate(names)
            for second in names[number + 1 :]
        ]
        if excluded:
            schema["allOf"] = excluded
        return schema


def _merge_one_of(field: dict[str, Any]) -> dict[str, Any]:
    """drf-spectacular makes a choice of text that may be blank: either its pattern or "", and ours takes both."""
    if field.get("oneOf", [{}])[-1] != {"type": "string", "maxLength": 0}:
        return field
    return {**field.pop("oneOf")[0], **field}


def separate_forms(document: dict[str, Any]) -> None:
    """A body in two media types: the form carries files and flat fields, JSON everything but files."""
    schemas = document["components"]["schemas"]
    schemas[_BATCH_VIDEO_SCHEMA] = _without_files(schemas[_BATCH_VIDEO_SCHEMA])
    for item in document["paths"].values():
        for operation in item.values():
            content = operation.get("requestBody", {}).get("content", {}) if isinstance(operation, dict) else {}
            if {*content} != {_MULTIPART, "application/json"}:
                continue
            name = content["application/json"]["schema"]["$ref"].removeprefix(_SCHEMA_REF_PREFIX)
            form = f"{name.removesuffix('Request')}Form"
            if form not in schemas:
                schemas[form] = _filter_properties(
                    schemas[name], lambda field: field.get("type") != "object", files=True
                )
                schemas[name] = _without_files(schemas[name])
            content[_MULTIPART]["schema"] = {"$ref": f"{_SCHEMA_REF_PREFIX}{form}"}


def require_bodies(document: dict[str, Any]) -> None:
    """No body at all is no way of leaving out a field that is required, whatever the media type."""
    schemas = document["components"]["schemas"]
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    for body in [operation["requestBody"] for operation in operations if "requestBody" in operation]:
        names = [media["schema"].get("$ref", "").removeprefix(_SCHEMA_REF_PREFIX) for media in body["content"].values()]
        if any(schemas.get(name, {}).get("required") for name in names):
            body["required"] = True


def _without_files(schema: dict[str, Any]) -> dict[str, Any]:
    return _filter_properties(schema, lambda field: field.get("format") != "binary", files=False)


def _filter_properties(schema: dict[str, Any], predicate: Any, *, files: bool) -> dict[str, Any]:
    filtered = deepcopy(schema)
    filtered["properties"] = {name: field for name, field in filtered["properties"].items() if predicate(field)}
    if not settings.IMAGE_URL_FETCH_ENABLED:
        filtered["properties"].pop("image_url", None)  # this site takes none
    names = filtered["properties"].keys()
    if "model" in names:
        filtered["properties"]["model"]["enum"] = [*settings.MODELS_ENABLED, *settings.MODEL_ALIASES]
    if "size" in names:
        filtered["properties"]["size"] |= {"pattern": "^[1-9][0-9]{0,3}x[1-9][0-9]{0,3}$", "examples": ["512x768"]}
    rules = filtered.pop("allOf", ())
    if not files:
        # Of forms it is said in words alone: tools cannot check rules about fields that are files.
        filtered["allOf"] = [rule for rule in rules if {*rule["not"]["required"]} <= names]
        image_fields = [name for name in _IMAGE_FIELDS if name in names]
        if len(image_fields) == 1:
            filtered["required"] = sorted({*filtered.get("required", ()), *image_fields})
        elif image_fields:
            filtered["allOf"].append({"anyOf": [{"required": [name]} for name in image_fields]})
    return filtered
