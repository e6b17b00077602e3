"""The key of the Create form: a form that is submitted twice creates one video, and charges once."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.quota.models import LedgerEntry
from common.clock import DatabaseNow
from common.messages import Message
from jobs.models import IdempotencyRecord, Job
from jobs.queue.cancel import cancel_job, delete_job
from jobs.queue.finish import expire_job, fail_job
from tests.support.images import image_upload
from tests.support.people import Person
from tests.support.videos import claim_next


def key_in(response: Any) -> str:
    """Return the key of the form in a page or in a response to htmx."""
    found = re.search(r'name="form_key"\s+value="([^"]*)"', response.content.decode())
    assert found, "the form has no key"
    return found[1]


def fields(form_key: str, **changes: Any) -> dict[str, Any]:
    return {"image": image_upload(), "prompt": "slowly zooms in", "preset": "fast", "form_key": form_key, **changes}


def charged(person: Person) -> int:
    return LedgerEntry.objects.filter(team=person.team, kind="reserve").count()


def test_each_rendered_form_has_a_key_of_its_own(mia: Person) -> None:
    keys = {key_in(mia.get("/")) for _ in range(2)}
    assert len(keys) == 2
    assert all(re.fullmatch(r"[0-9a-f]{32}", key) for key in keys)


@pytest.mark.parametrize("way", ["page", "htmx"])
def test_the_same_form_submitted_again_leads_to_the_same_video(way: str, mia: Person) -> None:
    form_key = key_in(mia.get("/"))
    send = mia.htmx if way == "htmx" else mia.post
    first, second = (send("/", fields(form_key)) for _ in range(2))
    header = "HX-Redirect" if way == "htmx" else "Location"
    assert first[header] == second[header] == f"/videos/{Job.objects.get().public_id}"
    assert charged(mia) == 1


@pytest.mark.parametrize(
    "changes",
    [{"prompt": "another sentence"}, {"seed": "5"}, {"preset": "standard"}, {"image": image_upload((64, 96))}],
)
def test_the_same_form_with_other_content_creates_another_video(changes: dict[str, Any], mia: Person) -> None:
    form_key = key_in(mia.get("/"))
    for value in changes.values():
        if hasattr(value, "seek"):
            value.seek(0)
    responses = [mia.post("/", fields(form_key)), mia.post("/", fields(form_key, **changes))]
    assert [response.status_code for response in responses] == [302, 302]
    assert (Job.objects.count(), charged(mia)) == (2, 2)
    # The first content again is the first video again.
    assert mia.post("/", fields(form_key))["Location"] == responses[0]["Location"]
    assert Job.objects.count() == 2


def test_another_form_with_the_same_content_creates_another_video(mia: Person) -> None:
    for _ in range(2):
        mia.post("/", fields(key_in(mia.get("/"))))
    assert Job.objects.count() == 2


def test_a_form_without_a_key_is_accepted(mia: Person) -> None:
    data = fields("")
    del data["form_key"]
    assert mia.post("/", data).status_code == 302
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.parametrize("form_key", ["x" * 10_000, "ключ", "a\0b"])
def test_any_text_is_a_key_of_bounded_length(form_key: str, mia: Person) -> None:
    assert mia.post("/", fields(form_key)).status_code == 302
    assert mia.post("/", fields(form_key)).status_code == 302
    assert len(IdempotencyRecord.objects.get().key) == len("form-") + 64


@pytest.mark.parametrize("way", ["page", "htmx"])
def test_a_rejected_form_keeps_its_key_and_does_not_use_it(way: str, mia: Person) -> None:
    form_key = key_in(mia.get("/"))
    send = mia.htmx if way == "htmx" else mia.post
    rejected = send("/", fields(form_key, fps="99"))
    assert (rejected.status_code, key_in(rejected)) == (422, form_key)
    assert not IdempotencyRecord.objects.exists()
    assert send("/", fields(form_key)).status_code in {204, 302}
    assert Job.objects.count() == 1


@pytest.mark.parametrize("way", ["page", "htmx"])
def test_after_its_video_was_deleted_the_form_gets_a_new_key(way: str, mia: Person) -> None:
    form_key = key_in(mia.get("/"))
    mia.post("/", fields(form_key))
    delete_job(job=Job.objects.get())
    send = mia.htmx if way == "htmx" else mia.post
    rejected = send("/", fields(form_key))
    assert rejected.status_code == 422
    assert "The video of this form was deleted." in re.sub(r"<[^>]+>", "", rejected.content.decode())
    new_key = key_in(rejected)
    assert new_key != form_key
    send("/", fields(new_key))
    assert Job.objects.filter(deleted_at=None).count() == 1


def test_two_teams_may_use_the_same_key(mia: Person, charlie: Person) -> None:
    for person in (mia, charlie):
        person.post("/", fields("the same"))
    assert {job.team_id for job in Job.objects.all()} == {mia.team.pk, charlie.team.pk}


def test_a_form_like_a_video_is_submitted_once(mia: Person) -> None:
    mia.post("/", fields("first"))
    like = Job.objects.get().public_id
    form_key = key_in(mia.get(f"/?like={like}"))
    data = {"like": like, "prompt": "again", "preset": "fast", "form_key": form_key}
    assert mia.post("/", data)["Location"] == mia.post("/", data)["Location"]
    assert Job.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_concurrent_clicks_create_one_video(mia: Person) -> None:
    def click(_: int) -> str:
        browser = Client()
        browser.cookies["sessionid"] = mia.cookie
        try:
            return str(browser.post("/", fields("clicked"))["Location"])
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(click, range(4)))) == 1
    assert (Job.objects.count(), charged(mia)) == (1, 1)


def fail_next(_: Job) -> None:
    assert fail_job(fence=claim_next().fence, code="engine_crashed", message=Message("The engine crashed."))


def cancel(job: Job) -> None:
    cancel_job(job=job)


def expire(job: Job) -> None:
    Job.objects.update(deadline_at=DatabaseNow())
    assert expire_job(job=job)


@pytest.mark.parametrize("end", [fail_next, cancel, expire])
def test_after_an_unsuccessful_video_the_same_form_creates_another_one(end: Callable[[Job], Any], mia: Person) -> None:
    form_key = key_in(mia.get("/"))
    first = mia.post("/", fields(form_key))["Location"]
    end(Job.objects.get())
    again = [mia.post("/", fields(form_key))["Location"] for _ in range(2)]
    assert again[0] == again[1] != first
    assert (Job.objects.count(), charged(mia)) == (2, 2)
