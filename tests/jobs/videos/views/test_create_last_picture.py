"""The picture that a video ends with, on the Create page."""

from typing import Any

import pytest

from accounts.quota.models import Wallet
from jobs.models import Job
from tests.jobs.videos.views.test_create import fields, message_at
from tests.support.images import image_upload
from tests.support.people import Person

A14B = {"model": "wan-i2v-a14b", "preset": "draft"}


@pytest.fixture(autouse=True)
def models(settings: Any, mia: Person) -> None:
    settings.MODELS_ENABLED = ["camera", "wan-i2v-a14b"]
    Wallet.objects.filter(team=mia.team).update(balance=10_000)


def test_a_model_that_takes_one_gets_it_and_another_ignores_it(mia: Person) -> None:
    assert 'data-last-image="optional"' in mia.get("/?model=wan-i2v-a14b").content.decode()
    assert mia.post("/", fields(**A14B, last_image=image_upload((64, 64)))).status_code == 302
    assert Job.objects.latest("id").last_image_key
    assert mia.post("/", fields(last_image=image_upload((64, 64)))).status_code == 302
    assert not Job.objects.latest("id").last_image_key


@pytest.mark.parametrize(
    ("changes", "name", "text"),
    [
        ({"last_image": image_upload(kind="GIF")}, "last_image", "a file in GIF format"),
        ({"image": ""}, "image", "Choose a picture first."),
    ],
)
def test_the_message_is_at_the_picture(mia: Person, changes: dict[str, Any], name: str, text: str) -> None:
    response = mia.htmx("/", fields(**A14B) | changes)
    assert text in message_at(response, name)
    assert not Job.objects.exists()


def test_pictures_of_a_copied_video_are_kept_until_they_are_removed(mia: Person) -> None:
    mia.post("/", fields(**A14B, last_image=image_upload((64, 64))))
    first = Job.objects.get()
    page = mia.get(f"/?like={first.public_id}").content.decode()
    assert f"/videos/{first.public_id}/last-picture" in page
    assert mia.get(f"/videos/{first.public_id}/last-picture")["Content-Type"] == "image/jpeg"
    like = {"like": first.public_id, "prompt": "again", **A14B}
    for removed, kept in (("", True), ("1", False)):
        assert mia.post("/", like | {"last_image_removed": removed}).status_code == 302
        assert bool(Job.objects.latest("id").last_image_key) is kept
    assert message_at(mia.htmx("/", like | {"image_removed": "1"}), "image") == "Choose a picture first."
    last = Job.objects.latest("id")
    assert mia.get(f"/videos/{last.public_id}/last-picture").status_code == 404
