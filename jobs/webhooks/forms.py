"""What a webhook says: in our own words, or in those of the service that a program was written for."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jobs.api.serializers import video_for_event
from jobs.models import Job
from jobs.webhooks.models import ENDS


@dataclass(frozen=True)
class Form:
    """kinds: the events that a job's `webhook_url` is told. body: of (kind, ISO time, job)."""

    kinds: tuple[str, ...]
    body: Callable[[str, str, Job], dict[str, Any]]


def event_body(kind: str, timestamp: str, data: dict[str, Any]) -> dict[str, Any]:
    """Type, timestamp, and what it is about as the API shows it."""
    return {"type": kind, "timestamp": timestamp, "data": data}


def own_body(kind: str, timestamp: str, job: Job) -> dict[str, Any]:
    """Our own words about a video."""
    return event_body(kind, timestamp, video_for_event(job))


# By `Job.webhook_form`; rooms above enter theirs when the site starts.
FORMS: dict[str, Form] = {"": Form(ENDS, own_body)}


def as_text(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False)
