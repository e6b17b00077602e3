"""Publications of the gallery."""

from typing import Any

from jobs.galleries.models import Publication
from jobs.models import Job
from tests.support.api_client import ApiClient


def publish(api: ApiClient, job: Job, **words: Any) -> dict[str, Any]:
    """Publishes a video and returns the body of the response."""
    answer = api.post("/v1/gallery", {"video": job.public_id, **words})
    assert answer.status_code == 201, answer.content
    body: dict[str, Any] = answer.json()
    return body


def row(body: dict[str, Any]) -> Publication:
    """The publication that the body of a response is about."""
    return Publication.objects.get(pk=body["id"].removeprefix("pub_"))
