"""Publications of the gallery."""

from typing import Any

from jobs.galleries.models import Publication
from jobs.models import Job
from tests.support.api_client import ApiClient


def publish(api: ApiClient, job: Job, **fields: Any) -> dict[str, Any]:
    """Publishes a video and returns the body of the response."""
    response = api.post("/v1/gallery", {"video": job.public_id, **fields})
    assert response.status_code == 201, response.content
    body: dict[str, Any] = response.json()
    return body


def publication_of(body: dict[str, Any]) -> Publication:
    """The publication that the body of a response is about."""
    return Publication.objects.get(pk=body["id"].removeprefix("pub_"))
