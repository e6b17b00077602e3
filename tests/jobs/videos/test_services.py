"""`submit_video`, through each way in: the API, the page, remixes, batches and the compatibility layers."""

import ast
import base64
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from accounts.models import Team
from accounts.quota.models import LedgerEntry
from jobs.models import Job
from tests.support.images import image_upload, png
from tests.support.people import Person

ROOT = Path(__file__).parents[3]
KEY = {"Idempotency-Key": "order-17"}
IMAGE = "data:image/png;base64," + base64.b64encode(png()).decode()
Send = Callable[..., Any]


def send_api(person: Person, original: Job, **headers: str) -> Any:
    body = {"prompt": "pan", "image_base64": IMAGE, "resolution": "256p"}
    return send_json(person, "/v1/videos", body, **headers)


def send_generate(person: Person, original: Job, **headers: str) -> Any:
    body = {"prompt": "pan", "image_base64": IMAGE, "resolution": "256p"}
    return send_json(person, "/generate", body, Prefer="wait=0", **headers)


def send_remix(person: Person, original: Job, **headers: str) -> Any:
    return send_json(person, f"/v1/videos/{original.public_id}/remix", {"prompt": "pan"}, **headers)


def send_replicate(person: Person, original: Job, **headers: str) -> Any:
    path = "/replicate/v1/models/mutoscope/camera/predictions"
    return send_json(person, path, {"input": {"image": IMAGE, "prompt": "pan"}}, **headers)


def send_fal(person: Person, original: Job, **headers: str) -> Any:
    return send_json(person, "/fal/queue/mutoscope/camera", {"image_url": IMAGE, "prompt": "pan"}, **headers)


def send_batch(person: Person, original: Job, **headers: str) -> Any:
    return send_json(person, "/v1/batches", {"requests": [{"image_base64": IMAGE, "prompt": "pan"}]}, **headers)


def send_page(person: Person, original: Job, **headers: str) -> Any:
    data = {"image": image_upload(), "prompt": "pan", "form_key": headers.get("Idempotency-Key", "")}
    return person.post("/", data)


def send_json(person: Person, path: str, body: Any, **headers: str) -> Any:
    return person.client.post(path, body, content_type="application/json", headers={**person.headers, **headers})


WAYS = [send_api, send_generate, send_remix, send_replicate, send_fal, send_batch, send_page]


@pytest.mark.parametrize("send", WAYS)
def test_a_repeated_submit_creates_and_charges_one_video(send: Send, alice: Person, submit: Callable[..., Job]) -> None:
    original = submit()
    first, second = (send(alice, original, **KEY) for _ in range(2))
    assert first.status_code < 400, first.content
    assert second.status_code == first.status_code
    job = Job.objects.exclude(pk=original.pk).get()
    assert (job.prompt, job.source_key.startswith(f"teams/{alice.team.pk}/")) == ("pan", True)
    assert LedgerEntry.objects.filter(job_id=job.pk, kind="reserve").count() == 1


@pytest.mark.parametrize("send", WAYS)
def test_no_way_in_bypasses_the_checks_of_a_submit(send: Send, alice: Person, submit: Callable[..., Job]) -> None:
    original = submit()
    Team.objects.filter(pk=alice.team.pk).update(deletion_due_at=timezone.now() + timedelta(days=3))
    response = send(alice, original)
    assert "scheduled for deletion" in response.content.decode()
    assert Job.objects.get() == original
    assert LedgerEntry.objects.filter(kind="reserve").count() == 1


def test_a_repeated_remix_does_not_need_the_image_again(alice: Person, submit: Callable[..., Job]) -> None:
    original = submit()
    first = send_remix(alice, original, **KEY)
    default_storage.delete(original.source_key)
    second = send_remix(alice, original, **KEY)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    assert send_remix(alice, original).status_code == 410


def test_jobs_are_inserted_in_two_places() -> None:
    """`submit_video`, and the retry of an administrator, who is no member of the team."""
    calls = set()
    for path in ROOT.glob("jobs/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "enqueue_job":
                calls.add(path.relative_to(ROOT).as_posix())
    assert calls == {"jobs/videos/services.py", "jobs/queue/retry.py"}
