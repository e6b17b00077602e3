"""What a webhook says: in our own words, or in those of the service that a program was written for."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jobs.models import Job
from jobs.videos.api.serializers import video_for_webhook
from jobs.webhooks.models import FINISHED_KINDS


@dataclass(frozen=True)
class PayloadFormat:
    """kinds: the events that a job's `webhook_url` is told. body: of (kind, ISO time, job)."""

    kinds: tuple[str, ...]
    body: Callable[[str, str, Job], dict[str, Any]]


def event_body(kind: str, timestamp: str, data: dict[str, Any]) -> dict[str, Any]:
    """Type, timestamp, and what it is about as the API shows it."""
    return {"type": kind, "timestamp": timestamp, "data": data}


def native_body(kind: str, timestamp: str, job: Job) -> dict[str, Any]:
    """Our own words about a video."""
    return event_body(kind, timestamp, video_for_webhook(job))


# By `Job.webhook_format`; rooms above enter theirs when the site starts.
PAYLOAD_FORMATS: dict[str, PayloadFormat] = {"": PayloadFormat(FINISHED_KINDS, native_body)}


def encode_body(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False)
