"""Request bodies: no unknown fields, mutually exclusive fields, and separate schemas for JSON and forms."""

from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from inspect import getdoc
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiSerializerExtension
from rest_framework.serializers import ListSerializer

from inference.models.catalogue import MODELS
from inference.models.descriptor import ModelDescriptor
from inference.models.input_schema import input_properties
from jobs.api.fields import StrictSerializer

_MULTIPART = "multipart/form-data"
_IMAGE_FIELDS = ("image_base64", "image_name", "source_video", "image_url", "image_video")
_LAST_IMAGE_FIELDS = (*("last_image_base64", "last_image", "last_image_name", "last_image_url", "last_image_video"),)
# The requests of a batch, which exist only as JSON.
_BATCH_VIDEO_SCHEMA = "BatchVideoRequest"
# Fields whose values depend on the model.
_MODEL_FIELDS = {
    *("prompt", "negative_prompt", "preset", "resolution", "num_frames", "fps", "steps", "num_inference_steps"),
    *("guidance_scale", "loras", "audio"),
}
_SCHEMA_REF_PREFIX = "#/components/schemas/"


class StrictSerializerExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Add to the schema of a strict serializer: unknown fields are rejected, some fields are mutually exclusive."""

    target_class = "jobs.api.fields.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        schema: dict[str, Any] = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        schema["additionalProperties"] = getattr(self.target, "ADDITIONAL_FIELDS_SCHEMA", False)
        schema["properties"] = {name: _merge_one_of(field) for name, field in schema.get("properties", {}).items()}
        for name, field in self.target.fields.items():
            maximum = getattr(field, "max_length", None)
            if isinstance(field, ListSerializer) and maximum is not None:
                schema["properties"][name] |= {"minItems": getattr(field, "min_length", None) or 0, "maxItems": maximum}
        if schema.get("description") == getdoc(StrictSerializer):
            del schema["description"]  # inherited: it describes the class, not the body
        excluded = _exclude_each_other(getattr(self.target, "MUTUALLY_EXCLUSIVE_FIELDS", ()))
        if excluded:
            schema["dependentSchemas"] = excluded
        return schema


def _exclude_each_other(groups: Iterable[Sequence[str]]) -> dict[str, Any]:
    """Return a rule for each field: the later fields of its groups must be absent.

    Generators of typed clients ignore such rules; with `not` instead, they generate types that nobody can use.
    """
    rules: dict[str, Any] = {}
    for names in groups:
        for index, name in enumerate(names[:-1]):
            absent = rules.setdefault(name, {"properties": {}})
            absent["properties"] |= dict.fromkeys(names[index + 1 :], False)
    return rules


def _merge_one_of(field: dict[str, Any]) -> dict[str, Any]:
    """Merge the `oneOf` that drf-spectacular generates for text that may be blank: our pattern accepts "" already."""
    if field.get("oneOf", [{}])[-1] != {"type": "string", "maxLength": 0}:
        return field
    return {**field.pop("oneOf")[0], **field}


def separate_forms(document: dict[str, Any]) -> None:
    """Give bodies with two media types two schemas: forms have files and flat fields, JSON all fields except files."""
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
                    schemas[name], lambda field: not _is_nested(field, schemas), files=True
                )
                schemas[name] = _without_files(schemas[name])
            content[_MULTIPART]["schema"] = {"$ref": f"{_SCHEMA_REF_PREFIX}{form}"}


def _is_nested(field: dict[str, Any], schemas: dict[str, Any]) -> bool:
    """Return whether the field is an object or a list, which a form cannot contain."""
    for part in (field, *field.get("allOf", ())):
        resolved = schemas[part["$ref"].removeprefix(_SCHEMA_REF_PREFIX)] if "$ref" in part else part
        if resolved.get("type") in {"object", "array"}:
            return True
    return False


def require_bodies(document: dict[str, Any]) -> None:
    """Mark a body as required if one of its schemas has required fields."""
    schemas = document["components"]["schemas"]
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    for body in [operation["requestBody"] for operation in operations if "requestBody" in operation]:
        names = [media["schema"].get("$ref", "").removeprefix(_SCHEMA_REF_PREFIX) for media in body["content"].values()]
        if any(schemas.get(name, {}).get("required") for name in names):
            body["required"] = True


def _models() -> list[ModelDescriptor]:
    return [MODELS[name] for name in settings.MODELS_ENABLED if name in MODELS]


def _fields_without_use() -> Iterator[str]:
    """Yield the fields of images that this site has disabled, or that none of its models takes."""
    if not settings.IMAGE_URL_FETCH_ENABLED:
        yield from ("image_url", "last_image_url")
    if all(model.inputs.last_image == "none" for model in _models()):
        yield from _LAST_IMAGE_FIELDS


def _narrow_to_models(properties: dict[str, Any]) -> None:
    """Limit fields to what at least one model of this site takes, and remove those that no model has."""
    models = [input_properties(model) for model in _models()]
    for name in _MODEL_FIELDS & properties.keys():
        schemas = [model[name] for model in models if name in model]
        if not schemas:
            del properties[name]
            continue
        for key, choose in (("minimum", min), ("maximum", max), ("maxLength", max)):
            if all(key in schema for schema in schemas):
                properties[name][key] = choose(schema[key] for schema in schemas)
        if all("enum" in schema for schema in schemas):
            properties[name]["enum"] = [*dict.fromkeys(value for schema in schemas for value in schema["enum"])]


def _without_files(schema: dict[str, Any]) -> dict[str, Any]:
    return _filter_properties(schema, lambda field: field.get("format") != "binary", files=False)


def _filter_properties(schema: dict[str, Any], predicate: Any, *, files: bool) -> dict[str, Any]:
    filtered = deepcopy(schema)
    filtered["properties"] = {name: field for name, field in filtered["properties"].items() if predicate(field)}
    for name in _fields_without_use():
        filtered["properties"].pop(name, None)
    _narrow_to_models(filtered["properties"])
    names = filtered["properties"].keys()
    if "model" in names:
        filtered["properties"]["model"]["enum"] = [*settings.MODELS_ENABLED, *settings.MODEL_ALIASES]
    if "size" in names:
        filtered["properties"]["size"] |= {"pattern": "^[1-9][0-9]{0,3}x[1-9][0-9]{0,3}$", "examples": ["512x768"]}
    rules = filtered.pop("dependentSchemas", {})
    if not files:
        # Only for JSON: tools cannot check rules about fields that are files.
        filtered["dependentSchemas"] = {
            name: {"anyOf": [_nulls([name]), _nulls(absent)]}
            for name, rule in rules.items()
            if name in names and (absent := [other for other in rule["properties"] if other in names])
        }
        # The description has one schema for all models: images are required if every model needs one.
        needed = all(model.inputs.image == "required" for model in _models())
        image_fields = [name for name in _IMAGE_FIELDS if name in names] if needed else []
        if len(image_fields) == 1:
            filtered["required"] = sorted({*filtered.get("required", ()), *image_fields})
        elif image_fields:
            filtered["anyOf"] = [_given(name, filtered["properties"][name]) for name in image_fields]
        required = filtered.get("required", ())
        filtered["properties"] = {
            name: field if name in required else _or_null(field) for name, field in filtered["properties"].items()
        }
    return filtered


def _nulls(names: Iterable[str]) -> dict[str, Any]:
    return {"properties": {name: {"type": "null"} for name in names}}


def _given(name: str, field: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object with the field, which is not null. Tools that generate types know no `not`."""
    return {"required": [name], "properties": {name: {"type": field.get("type", "object")}}}


def _or_null(field: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an optional field, which may be null (`NullableSerializer`)."""
    if not isinstance(field.get("type"), str):
        return {"anyOf": [field, {"type": "null"}]}
    enumeration = {"enum": [*field["enum"], None]} if "enum" in field else {}
    return {**field, "type": [field["type"], "null"], **enumeration}
