"""Schemas of the events of a video. Descriptions of streams have no standard place for them yet."""

from typing import Any

_ID = {"type": "string", "description": "the id of the video"}
_ATTEMPT = {"type": "integer"}
_REF = "#/components/schemas/"


def _event(**properties: Any) -> dict[str, Any]:
    properties = {"id": _ID, **properties, "attempt": _ATTEMPT}
    return {"type": "object", "properties": properties, "required": sorted(properties)}


EVENT_SCHEMAS: dict[str, Any] = {
    "VideoStatusEvent": _event(
        status={"$ref": f"{_REF}VideoStatusEnum"},
        error={"oneOf": [{"$ref": f"{_REF}JobError"}, {"type": "null"}]},
    ),
    "VideoProgressEvent": _event(
        progress={"type": "integer", "minimum": 0, "maximum": 99, "description": "percent"},
        step={"type": "integer"},
        steps={"type": "integer"},
        eta_seconds={"type": ["number", "null"]},
    ),
    "VideoPreviewEvent": _event(
        step={"type": "integer"},
        content_type={"type": "string"},
        image_base64={"type": "string", "contentEncoding": "base64"},
    ),
    "VideoEvent": {
        "description": "The data of an event. The field `event` before it names its kind: status, progress, preview.",
        "oneOf": [
            {"$ref": f"{_REF}{name}"} for name in ("VideoStatusEvent", "VideoProgressEvent", "VideoPreviewEvent")
        ],
    },
    "VideoEventStream": {
        "type": "string",
        "description": "Server-sent events. The data of each is a VideoEvent.",
        "contentMediaType": "text/event-stream",
        "contentSchema": {"$ref": f"{_REF}VideoEvent"},
    },
}
