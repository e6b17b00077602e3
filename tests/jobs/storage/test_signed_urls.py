"""Signed links: bytes without a key, for one variant of one video of one team, until the link's end and no longer."""

from datetime import timedelta

import pytest
import time_machine
from django.core import signing
from django.test import Client
from django.utils import timezone

from jobs.models import Job
from jobs.queue.cancel import delete_job
from jobs.storage.signed_urls import signed_content_url
from jobs.videos.cleanup import delete_due_files
from tests.support.videos import VIDEO_BYTES

SITE = "https://video.example.com"


@pytest.fixture
def stranger(db) -> Client:
    return Client(raise_request_exception=False)


def link(job: Job, variant: str = "video") -> str:
    return signed_content_url(SITE, job, variant).removeprefix(SITE)


def refused(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_a_link_needs_neither_key_nor_session(finished, stranger, as_charlie, rf):
    path = link(finished)
    for client, headers in ((stranger, {}), (stranger, as_charlie.headers), (stranger, {"Authorization": "Bearer no"})):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.content) == (200, VIDEO_BYTES)
    assert stranger.get(link(finished, "thumbnail")).content == b"poster"
    by_request = signed_content_url(rf.get("/", headers={"host": "localhost"}), finished)
    assert by_request.startswith("http://localhost/v1/videos/vid_")
    assert stranger.get(by_request).content == VIDEO_BYTES


def test_head_and_range_of_a_link(finished, stranger):
    head = stranger.head(link(finished))
    assert (head.status_code, head["Content-Length"], head.content) == (200, "2048", b"")
    part = stranger.get(link(finished), headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content, part["Content-Range"]) == (206, VIDEO_BYTES[100:200], "bytes 100-199/2048")
    assert stranger.get(link(finished), headers={"If-None-Match": head["ETag"]}).status_code == 304
    assert stranger.post(link(finished)).status_code == 405


def test_nothing_of_a_link_can_be_changed(finished, submit, charlie, stranger):
    path, token = link(finished), link(finished).rpartition("token=")[2]
    team_id, expires, signature = token.split(".")
    base = path.rpartition("token=")[0] + "token="
    now = int(expires)
    changed = [
        path + "x",
        path[:-1],
        path.replace("variant=video", "variant=thumbnail"),
        path.replace(finished.public_id, submit().public_id),
        path.replace(finished.public_id, "vid_" + "0" * 32),
        base + f"{charlie.team.pk}.{expires}.{signature}",
        base + f"{team_id}.{now + 1}.{signature}",
        base + f"{team_id}.{expires}.",
        base + f"{team_id}.{expires}",
        base + signature,
        base,
        base + "%00.%ff.%F0%9F%98%80",
        base + "9" * 5000 + f".{expires}.{signature}",
        base + signing.dumps(f"{team_id}/{finished.public_id}", salt="video-download"),
        base + token + "&token=" + token[:-1],
    ]
    for address in changed:
        answer = stranger.get(address)
        assert answer.status_code in {401, 422}, address
        assert answer.json()["error"]["code"] in {"link_invalid", "invalid_field"}, address
        assert VIDEO_BYTES not in answer.content
    assert stranger.get(path).status_code == 200


def test_another_secret_key_signs_nothing_of_ours(finished, stranger, settings):
    text = f"{finished.public_id}/video/{finished.team_id}.9999999999"
    for key, salt in (("another", "media-link"), (settings.SECRET_KEY, "share-link")):
        signature = signing.Signer(key=key, salt=salt).signature(text)
        path = f"/v1/videos/{finished.public_id}/content?token={finished.team_id}.9999999999.{signature}"
        assert refused(stranger.get(path)) == (401, "link_invalid")


def test_a_link_ends_after_an_hour_at_most(finished, stranger, settings):
    assert settings.DOWNLOAD_URL_MAX_AGE_SECONDS == 3600
    path = link(finished)
    with time_machine.travel(timezone.now() + timedelta(minutes=59)):
        assert stranger.get(path).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert refused(stranger.get(path)) == (401, "link_expired")


def test_links_to_what_is_not_there(finished, submit, stranger):
    assert refused(stranger.get(link(submit()))) == (409, "not_ready")
    Job.objects.filter(pk=finished.pk).update(expires_at=timezone.now())
    assert refused(stranger.get(link(finished))) == (410, "expired")
    assert delete_due_files() == 1
    assert refused(stranger.get(link(finished))) == (410, "expired")
    delete_job(job=finished)
    assert refused(stranger.get(link(finished))) == (404, "not_found")


def test_a_link_made_for_one_team_opens_nothing_of_another(finished, charlie, stranger):
    """Even a well-signed one whose team is not the video's, as a slip of ours might make it."""
    finished.team_id = charlie.team.pk
    assert refused(stranger.get(link(finished))) == (404, "not_found")


def test_names_to_save_a_file_under(submit, finished, as_alice, stranger):
    path = f"/v1/videos/{finished.public_id}/content"
    assert as_alice.get(path)["Content-Disposition"] == 'inline; filename="the-camera-pans-left.mp4"'
    by_link = stranger.get(link(finished) + "&download=1")["Content-Disposition"]
    assert by_link == f'attachment; filename="{finished.public_id}.mp4"'  # the prompt is not a stranger's to read


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
def test_a_prompt_cannot_write_headers(prompt, name, submit, finished_of, as_alice):
    job = finished_of(prompt=prompt)
    answer = as_alice.get(f"/v1/videos/{job.public_id}/content")
    assert answer["Content-Disposition"] == f'inline; filename="{name}"'
    assert "Set-Cookie" not in answer


def test_names_outside_ascii(finished_of, as_alice):
    job = finished_of(prompt="猫 slowly 抬头")
    disposition = as_alice.get(f"/v1/videos/{job.public_id}/content")["Content-Disposition"]
    assert disposition == "inline; filename*=utf-8''%E7%8C%AB-slowly-%E6%8A%AC%E5%A4%B4.mp4"
    job = finished_of(prompt="!!! …")
    disposition = as_alice.get(f"/v1/videos/{job.public_id}/content")["Content-Disposition"]
    assert disposition == f'inline; filename="{job.public_id}.mp4"'


def test_no_cache_gives_one_callers_bytes_to_another(finished, as_alice):
    path = f"/v1/videos/{finished.public_id}/content"
    first = as_alice.get(path)
    for answer in (first, as_alice.get(path, **{"If-None-Match": first["ETag"]}), as_alice.get(link(finished))):
        assert answer["Cache-Control"].startswith("private")
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert {"Authorization", "Cookie", "X-API-Key"} <= set(answer["Vary"].split(", "))
    for path in (f"/v1/videos/{finished.public_id}/content?token=1.2.x", "/v1/videos/vid_0/content"):
        assert "ETag" not in as_alice.get(path)
