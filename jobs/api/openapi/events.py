"""Schemas of the events of a video. Descriptions of streams have no standard place for them yet."""

from typing import Any, get_type_hints, is_typeddict

from jobs.api.shapes import unwrap
from jobs.events.shapes import VideoPreviewEventShape, VideoProgressEventShape, VideoStatusEventShape

_REF = "#/components/schemas/"
_EVENTS = {
    shape.__name__.removesuffix("Shape"): shape
    for shape in (VideoStatusEventShape, VideoProgressEventShape, VideoPreviewEventShape)
}
_TYPES = {str: "string", int: "integer", float: "number"}
_KEYWORDS = {"help_text": "description", "min_value": "minimum", "max_value": "maximum"}


def _schema_of(shape: type) -> dict[str, Any]:
    properties = {name: _property(kind) for name, kind in get_type_hints(shape, include_extras=True).items()}
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def _property(annotation: Any) -> dict[str, Any]:
    kind, options = unwrap(annotation)
    is_nullable = options.pop("allow_null", False)
    if "choices" in options:  # those of the status, which drf-spectacular has found in the shape of a video
        return {"$ref": f"{_REF}VideoStatusEnum"}
    if is_typeddict(kind):
        component = {"$ref": f"{_REF}{kind.__name__.removesuffix('Shape')}"}
        return {"oneOf": [component, {"type": "null"}]} if is_nullable else component
    keywords = {_KEYWORDS.get(name, name): value for name, value in options.items()}
    return {"type": [_TYPES[kind], "null"] if is_nullable else _TYPES[kind], **keywords}


EVENT_SCHEMAS: dict[str, Any] = {
    **{name: _schema_of(shape) for name, shape in _EVENTS.items()},
    "VideoEvent": {
        "description": "The data of an event. The field `event` before it names its kind: status, progress, preview.",
        "oneOf": [{"$ref": f"{_REF}{name}"} for name in _EVENTS],
    },
    "VideoEventStream": {
        "type": "string",
        "description": "Server-sent events. The data of each is a VideoEvent.",
        "contentMediaType": "text/event-stream",
        "contentSchema": {"$ref": f"{_REF}VideoEvent"},
    },
}
