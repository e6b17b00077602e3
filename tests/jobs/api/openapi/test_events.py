"""The schemas of the events of a video."""

import json
import uuid

import pytest

from jobs.api.openapi.events import EVENT_SCHEMAS
from jobs.events.event import Event, preview_event, progress_event, status_event

JOB = uuid.UUID(int=1)


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (status_event(JOB, state="failed", attempt=1, code="timeout", message="It took too long."), "VideoStatusEvent"),
        (progress_event(JOB, attempt=1, step=3, steps=10, eta_seconds=1.5), "VideoProgressEvent"),
        (preview_event(JOB, attempt=1, step=3, jpeg=b"x"), "VideoPreviewEvent"),
    ],
    ids=["status", "progress", "preview"],
)
def test_an_event_has_the_fields_of_its_schema(event: Event, name: str) -> None:
    schema = EVENT_SCHEMAS[name]
    assert sorted(json.loads(event.data)) == sorted(schema["properties"]) == schema["required"]


def test_a_field_keeps_its_bounds_and_may_be_null() -> None:
    properties = EVENT_SCHEMAS["VideoProgressEvent"]["properties"]
    assert properties["progress"] == {"type": "integer", "minimum": 0, "maximum": 99, "description": "percent"}
    assert properties["eta_seconds"] == {"type": ["number", "null"]}
    error = {"oneOf": [{"$ref": "#/components/schemas/JobError"}, {"type": "null"}]}
    assert EVENT_SCHEMAS["VideoStatusEvent"]["properties"]["error"] == error
