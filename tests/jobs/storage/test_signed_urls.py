"""Signed URLs: access without a key to one variant of one video, until the URL expires or its viewer loses access."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import signing
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts import tenancy
from accounts.keys.services import create_api_key, revoke_api_key
from accounts.models import ApiKey
from accounts.people.services import deactivate_user
from accounts.teams.members import remove_member
from jobs.models import Job
from jobs.queue.cancel import delete_job
from jobs.storage.signed_urls import signed_content_url
from jobs.videos.cleanup import delete_due_files
from tests.support.api_client import ApiClient
from tests.support.people import Person
from tests.support.videos import VIDEO_BYTES

SITE = "https://video.example.com"


def link(job: Job, variant: str = "video") -> str:
    return signed_content_url(SITE, job, variant).removeprefix(SITE)


def refusal(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def test_a_link_needs_neither_key_nor_session(
    finished: Job, anonymous: Client, as_charlie: ApiClient, rf: RequestFactory
) -> None:
    path = link(finished)
    for client, headers in (
        (anonymous, {}),
        (anonymous, as_charlie.headers),
        (anonymous, {"Authorization": "Bearer no"}),
    ):
        response = client.get(path, headers=headers)
        assert (response.status_code, response.content) == (200, VIDEO_BYTES)
    assert anonymous.get(link(finished, "thumbnail")).content == b"poster"
    tenancy.activate(team_id=finished.team_id, user_id=finished.user_id)
    by_request = signed_content_url(rf.get("/", headers={"host": "localhost"}), finished)
    assert by_request.startswith("http://localhost/v1/videos/vid_")
    assert anonymous.get(by_request).content == VIDEO_BYTES


def test_head_and_range_of_a_link(finished: Job, anonymous: Client) -> None:
    head = anonymous.head(link(finished))
    assert (head.status_code, head["Content-Length"], head.content) == (200, "2048", b"")
    part = anonymous.get(link(finished), headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content, part["Content-Range"]) == (206, VIDEO_BYTES[100:200], "bytes 100-199/2048")
    assert anonymous.get(link(finished), headers={"If-None-Match": head["ETag"]}).status_code == 304
    assert anonymous.post(link(finished)).status_code == 405


def test_no_part_of_a_link_can_be_changed(
    finished: Job, submit: Callable[..., Job], charlie: Person, anonymous: Client
) -> None:
    path, token = link(finished), link(finished).rpartition("token=")[2]
    team_id, user_id, key_id, expires, signature = token.split(".")
    base = path.rpartition("token=")[0] + "token="
    now = int(expires)
    changed = [
        path + "x",
        path[:-1],
        path.replace("variant=video", "variant=thumbnail"),
        path.replace(finished.public_id, submit().public_id),
        path.replace(finished.public_id, "vid_" + "0" * 32),
        base + f"{charlie.team.pk}.{user_id}.{key_id}.{expires}.{signature}",
        base + f"{team_id}.{charlie.user.pk}.{key_id}.{expires}.{signature}",
        base + f"{team_id}.{user_id}.{int(key_id) + 1}.{expires}.{signature}",
        base + f"{team_id}.{user_id}.{key_id}.{now + 1}.{signature}",
        base + f"{team_id}.{user_id}.{key_id}.{expires}.",
        base + f"{team_id}.{user_id}.{key_id}.{expires}",
        base + f"{team_id}.{expires}.{signature}",
        base + signature,
        base,
        base + "%00.%ff.%F0%9F%98%80",
        base + "9" * 5000 + f".{user_id}.{key_id}.{expires}.{signature}",
        base + signing.dumps(f"{team_id}/{finished.public_id}", salt="video-download"),
        base + token + "&token=" + token[:-1],
    ]
    for url in changed:
        response = anonymous.get(url)
        assert response.status_code in {401, 422}, url
        assert response.json()["error"]["code"] in {"link_invalid", "invalid_field"}, url
        assert VIDEO_BYTES not in response.content
    assert anonymous.get(path).status_code == 200


def test_a_signature_of_another_key_is_refused(finished: Job, anonymous: Client, settings: Any) -> None:
    claims = f"{finished.team_id}.{finished.user_id}.0.9999999999"
    for key, salt in (("another", "signed-content-url"), (settings.SECRET_KEY, "share-link")):
        signature = signing.Signer(key=key, salt=salt).signature(f"{finished.public_id}/video/{claims}")
        path = f"/v1/videos/{finished.public_id}/content?token={claims}.{signature}"
        assert refusal(anonymous.get(path)) == (401, "link_invalid")


def test_a_link_expires_after_an_hour(finished: Job, anonymous: Client, settings: Any) -> None:
    assert settings.DOWNLOAD_URL_MAX_AGE_SECONDS == 3600
    path = link(finished)
    with time_machine.travel(timezone.now() + timedelta(minutes=59)):
        assert anonymous.get(path).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert refusal(anonymous.get(path)) == (401, "link_expired")


@pytest.mark.parametrize("how", ["removed", "deactivated", "revoked"])
def test_a_link_ends_with_the_access_of_its_viewer(
    how: str, finished: Job, alice: Person, mia: Person, as_alice: ApiClient, as_mia: ApiClient, anonymous: Client
) -> None:
    prediction = f"/replicate/v1/predictions/{finished.public_id}"
    theirs, others = (client.get(prediction).json()["output"] for client in (as_mia, as_alice))
    assert [anonymous.get(url).status_code for url in (theirs, others)] == [200, 200]
    if how == "removed":
        remove_member(team=alice.team, actor=alice.user, user_id=mia.user.pk)
    elif how == "deactivated":
        deactivate_user(user=mia.user)
    else:
        ApiKey.objects.filter(creator=mia.user).update(revoked_at=timezone.now())
    assert refusal(anonymous.get(theirs)) == (401, "link_expired")
    assert anonymous.get(others).status_code == 200


def test_a_link_in_a_webhook_ends_with_the_access_of_who_submitted_the_video(
    finished: Job, alice: Person, mia: Person, anonymous: Client
) -> None:
    key, _secret = create_api_key(team=mia.team, creator=mia.user, name="k")
    finished.user, finished.api_key = mia.user, key
    path = link(finished)
    revoke_api_key(key=key)  # the webhook is still delivered
    assert anonymous.get(path).status_code == 200
    remove_member(team=alice.team, actor=alice.user, user_id=mia.user.pk)
    assert refusal(anonymous.get(path)) == (401, "link_expired")


def test_links_to_unavailable_videos(finished: Job, submit: Callable[..., Job], anonymous: Client) -> None:
    assert refusal(anonymous.get(link(submit()))) == (409, "not_ready")
    Job.objects.filter(pk=finished.pk).update(expires_at=timezone.now())
    assert refusal(anonymous.get(link(finished))) == (410, "expired")
    assert delete_due_files() == 1
    assert refusal(anonymous.get(link(finished))) == (410, "expired")
    delete_job(job=finished)
    assert refusal(anonymous.get(link(finished))) == (404, "not_found")


def test_a_link_of_another_team_is_refused(finished: Job, charlie: Person, anonymous: Client) -> None:
    """Even a correctly signed URL with another team than the video's, as a bug might create it."""
    finished.team, finished.user, finished.api_key = charlie.team, charlie.user, None
    assert refusal(anonymous.get(link(finished))) == (404, "not_found")


def test_file_names_of_downloads(
    submit: Callable[..., Job], finished: Job, as_alice: ApiClient, anonymous: Client
) -> None:
    path = f"/v1/videos/{finished.public_id}/content"
    assert as_alice.get(path)["Content-Disposition"] == 'inline; filename="the-camera-pans-left.mp4"'
    by_link = anonymous.get(link(finished) + "&download=1")["Content-Disposition"]
    assert by_link == f'attachment; filename="{finished.public_id}.mp4"'  # a link does not reveal the prompt


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ('a"; filename="evil.exe', "a-filename-evil-exe.mp4"),
        ("line\r\nSet-Cookie: a=b", "line-set-cookie-a-b.mp4"),
        ("../../etc/passwd", "etc-passwd.mp4"),
        ("one two three four five six seven", "one-two-three-four-five-six.mp4"),
        ("x" * 500, "x" * 60 + ".mp4"),
    ],
)
def test_a_prompt_cannot_write_headers(
    prompt: str, name: str, submit: Callable[..., Job], finished_of: Callable[..., Job], as_alice: ApiClient
) -> None:
    job = finished_of(prompt=prompt)
    response = as_alice.get(f"/v1/videos/{job.public_id}/content")
    assert response["Content-Disposition"] == f'inline; filename="{name}"'
    assert "Set-Cookie" not in response


def test_file_names_outside_ascii(finished_of: Callable[..., Job], as_alice: ApiClient) -> None:
    job = finished_of(prompt="猫 slowly 抬头")
    disposition = as_alice.get(f"/v1/videos/{job.public_id}/content")["Content-Disposition"]
    assert disposition == "inline; filename=\"slowly.mp4\"; filename*=utf-8''%E7%8C%AB-slowly-%E6%8A%AC%E5%A4%B4.mp4"
    job = finished_of(prompt="!!! …")
    disposition = as_alice.get(f"/v1/videos/{job.public_id}/content")["Content-Disposition"]
    assert disposition == f'inline; filename="{job.public_id}.mp4"'


def test_no_cache_shares_the_response_of_a_caller(finished: Job, as_alice: ApiClient) -> None:
    path = f"/v1/videos/{finished.public_id}/content"
    first = as_alice.get(path)
    for response in (first, as_alice.get(path, **{"If-None-Match": first["ETag"]}), as_alice.get(link(finished))):
        assert response["Cache-Control"].startswith("private")
        assert response["X-Content-Type-Options"] == "nosniff"
        assert {"Authorization", "Cookie", "X-API-Key"} <= set(response["Vary"].split(", "))
    for path in (f"/v1/videos/{finished.public_id}/content?token=1.2.x", "/v1/videos/vid_0/content"):
        assert "ETag" not in as_alice.get(path)
