"""Deletions remove favourites and collection items too. Postgres checks the foreign keys at the commit."""

from datetime import timedelta
from typing import Any

import pytest

from common.clock import DatabaseNow
from jobs.galleries.models import CollectionItem, Favourite, Publication
from jobs.models import Job
from jobs.videos.cleanup import delete_due_files
from tests.support.galleries import publish
from tests.support.videos import finished_video

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def paths(alice: Any, as_alice: Any) -> dict[str, str]:
    """URLs of a publication that is a favourite, of its collection, and of its video."""
    job = finished_video(alice)
    publication = publish(as_alice, job)["id"]
    collection = as_alice.post("/v1/collections", {"name": "Best"}).json()["id"]
    assert as_alice.put(f"/v1/gallery/{publication}/favourite").status_code == 200
    assert as_alice.put(f"/v1/collections/{collection}/publications/{publication}").status_code == 200
    return {
        "publication": f"/v1/gallery/{publication}",
        "collection": f"/v1/collections/{collection}",
        "video": f"/v1/videos/{job.public_id}",
    }


def _remaining() -> tuple[int, int, int]:
    return Publication.objects.count(), Favourite.objects.count(), CollectionItem.objects.count()


@pytest.mark.parametrize(
    ("what", "left"), [("video", (0, 0, 0)), ("publication", (0, 0, 0)), ("collection", (1, 1, 0))]
)
def test_each_row_can_be_deleted(paths: dict[str, str], as_alice: Any, what: str, left: tuple[int, int, int]) -> None:
    assert as_alice.delete(paths[what]).status_code == 200
    assert as_alice.get(paths[what]).status_code == 404
    assert _remaining() == left


def test_a_favourite_does_not_prevent_deletion_after_the_retention(paths: dict[str, str], as_alice: Any) -> None:
    Job.objects.update(expires_at=DatabaseNow() - timedelta(seconds=1))
    assert delete_due_files() == 1
    assert _remaining() == (0, 0, 0)
