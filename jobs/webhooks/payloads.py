"""Payloads of webhooks: in the native format, or in the format of a third-party API."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.models import Job
from jobs.videos.api.serializers import video_for_webhook
from jobs.webhooks.models import FINISHED_KINDS


@dataclass(frozen=True)
class PayloadFormat:
    """A format of the payload for `webhook_url`.

    kinds: the events that the URL receives. body: returns the payload for (kind, ISO time, job).
    """

    kinds: tuple[str, ...]
    body: Callable[[str, str, Job], dict[str, Any]]


def event_body(kind: str, timestamp: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload: type, timestamp, and the object as in the API."""
    return {"type": kind, "timestamp": timestamp, "data": data}


def native_body(kind: str, timestamp: str, job: Job) -> dict[str, Any]:
    """Return the payload of an event of a video in the native format."""
    return event_body(kind, timestamp, video_for_webhook(job))


# By `Job.webhook_format`. The compatibility layers add theirs when the site starts.
PAYLOAD_FORMATS: dict[str, PayloadFormat] = {"": PayloadFormat(FINISHED_KINDS, native_body)}


def encode_body(body: dict[str, Any]) -> str:
    """Return the payload as JSON."""
    return json.dumps(body, ensure_ascii=False)
