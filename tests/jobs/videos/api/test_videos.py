"""Retrieving, canceling and deleting videos. Videos of another team get the same 404 as missing ones."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from accounts.keys.services import revoke_api_key
from accounts.models import ApiKey
from accounts.roles import Scope
from jobs.models import Job
from jobs.states import State
from jobs.videos.cleanup import delete_due_files
from tests.support.api_client import ApiClient
from tests.support.people import Person
from tests.support.videos import VIDEO_BYTES


def test_a_queued_video_contains_its_wait_reason(submit: Callable[..., Job], as_alice: ApiClient) -> None:
    submit()
    video = as_alice.get(f"/v1/videos/{submit().public_id}").json()
    assert video["queue"] == {"position": 1, "eta_seconds": None, "wait_reason": "capacity"}
    assert video["urls"]["self"].endswith(f"/v1/videos/{video['id']}")


def test_a_finished_video(finished: Job, as_alice: ApiClient) -> None:
    video = as_alice.get(f"/v1/videos/{finished.public_id}").json()
    assert (video["status"], video["progress"], video["queue"]) == ("completed", 100, None)
    assert video["usage"] == {"credits_reserved": 1, "credits_charged": 1, "gpu_seconds": 1.0}
    assert video["completed_at"] >= video["started_at"] >= video["created_at"]


def test_content_complete_and_in_ranges(finished: Job, as_alice: ApiClient) -> None:
    url = f"/v1/videos/{finished.public_id}/content"
    whole = as_alice.get(url)
    assert (whole.status_code, whole.content, whole["Content-Type"]) == (200, VIDEO_BYTES, "video/mp4")
    assert whole["Accept-Ranges"] == "bytes"
    assert whole["X-Content-Type-Options"] == "nosniff"
    for given, status, content_range, content in [
        ("bytes=0-99", 206, "bytes 0-99/2048", VIDEO_BYTES[:100]),
        ("bytes=2000-", 206, "bytes 2000-2047/2048", VIDEO_BYTES[2000:]),
        ("bytes=-10", 206, "bytes 2038-2047/2048", VIDEO_BYTES[-10:]),
        ("bytes=-9999", 206, "bytes 0-2047/2048", VIDEO_BYTES),
        ("bytes=2000-9999", 206, "bytes 2000-2047/2048", VIDEO_BYTES[2000:]),
        ("bytes=0-1,5-6", 200, None, VIDEO_BYTES),
        ("nonsense", 200, None, VIDEO_BYTES),
    ]:
        response = as_alice.get(url, Range=given)
        assert (response.status_code, response.get("Content-Range"), response.content) == (
            status,
            content_range,
            content,
        ), given
    beyond = as_alice.get(url, Range="bytes=5000-")
    assert (beyond.status_code, beyond["Content-Range"]) == (416, "bytes */2048")
    assert beyond.json()["error"]["code"] == "range_not_satisfiable"
    assert as_alice.get(url, Range="bytes=0-9", **{"If-Range": '"another"'}).status_code == 200
    assert as_alice.get(url, **{"If-None-Match": whole["ETag"]}).status_code == 304
    other = as_alice.get(url, **{"If-Match": '"another"'})
    assert (other.status_code, other.json()["error"]["code"]) == (412, "precondition_failed")
    head = as_alice.client.head(url, headers=as_alice.headers)
    assert (head.status_code, head["Content-Length"], head.content) == (200, "2048", b"")
    assert as_alice.get(url + "?download=1")["Content-Disposition"].startswith("attachment")
    assert as_alice.get(url + "?variant=thumbnail").content == b"poster"
    assert as_alice.get(url + "?variant=hologram").status_code == 422


def test_missing_content(submit: Callable[..., Job], finished: Job, as_alice: ApiClient) -> None:
    response = as_alice.get(f"/v1/videos/{submit().public_id}/content")
    assert (response.status_code, response.json()["error"]["code"]) == (409, "not_ready")
    canceled = submit()
    as_alice.post(f"/v1/videos/{canceled.public_id}/cancel")
    response = as_alice.get(f"/v1/videos/{canceled.public_id}/content")
    assert (response.status_code, response.json()["error"]["code"]) == (409, "not_ready")
    assert "has no file because its status is canceled" in response.json()["error"]["message"]
    Job.objects.filter(pk=finished.pk).update(expires_at=timezone.now())
    assert delete_due_files() == 1
    response = as_alice.get(f"/v1/videos/{finished.public_id}/content")
    assert (response.status_code, response.json()["error"]["code"]) == (410, "expired")
    assert as_alice.get(f"/v1/videos/{finished.public_id}").json()["status"] == "completed"


def test_cancel_can_be_repeated(submit: Callable[..., Job], as_alice: ApiClient) -> None:
    url = f"/v1/videos/{submit().public_id}/cancel"
    for _ in range(2):
        response = as_alice.post(url)
        assert (response.status_code, response.json()["status"]) == (200, "canceled")


def test_delete_hides_the_video_and_removes_its_files(finished: Job, as_alice: ApiClient) -> None:
    url = f"/v1/videos/{finished.public_id}"
    assert as_alice.delete(url).json() == {"id": finished.public_id, "object": "video.deleted", "deleted": True}
    assert as_alice.get(url).status_code == 404
    assert as_alice.delete(url).status_code == 404
    assert as_alice.get("/v1/videos").json()["data"] == []
    assert delete_due_files() == 1
    for key in (finished.result_key, finished.poster_key, finished.source_key):
        assert not default_storage.exists(key)
    assert Job.objects.get().charged_credits == 1


def test_list_pages_and_filters(submit: Callable[..., Job], as_alice: ApiClient) -> None:
    jobs = [submit(prompt=f"take {number}") for number in range(5)]
    newest_first = [job.public_id for job in reversed(jobs)]
    page = as_alice.get("/v1/videos?limit=2").json()
    assert ([video["id"] for video in page["data"]], page["has_more"]) == (newest_first[:2], True)
    assert (page["first_id"], page["last_id"]) == (newest_first[0], newest_first[1])
    rest = as_alice.get(f"/v1/videos?after={page['last_id']}").json()
    assert ([video["id"] for video in rest["data"]], rest["has_more"]) == (newest_first[2:], False)
    oldest = as_alice.get("/v1/videos?order=asc&limit=1").json()
    assert oldest["data"][0]["id"] == newest_first[-1]
    assert len(as_alice.get("/v1/videos?q=TAKE 3").json()["data"]) == 1
    assert as_alice.get("/v1/videos?status=completed").json()["data"] == []
    assert len(as_alice.get("/v1/videos?status=queued&model=camera").json()["data"]) == 5
    for query in ("limit=0", "limit=101", "order=up", "status=lost"):
        assert as_alice.get(f"/v1/videos?{query}").status_code == 422
    assert as_alice.get("/v1/videos?after=vid_0").status_code == 404


def test_a_list_costs_as_many_queries_for_five_as_for_one(
    submit: Callable[..., Job], as_alice: ApiClient, django_assert_num_queries: Any
) -> None:
    submit()
    as_alice.get("/v1/videos")  # writes the first use of the key
    with django_assert_num_queries(2):
        as_alice.get("/v1/videos")
    for _ in range(4):
        submit()
    with django_assert_num_queries(2):
        as_alice.get("/v1/videos")


ROUTES = [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/content"), ("GET", "/content?variant=thumbnail")]


@pytest.mark.parametrize(("method", "rest"), ROUTES)
def test_another_teams_video_gets_404(
    method: str, rest: str, finished: Job, as_charlie: ApiClient, as_nobody: ApiClient, alice: Person
) -> None:
    def ask(api: ApiClient, identifier: Any) -> Any:
        return api.client.generic(method, f"/v1/videos/{identifier}{rest}", headers=api.headers)

    absent = "vid_" + "0" * 32
    foreign, missing = ask(as_charlie, finished.public_id), ask(as_charlie, absent)
    assert foreign.status_code == missing.status_code == 404
    same = [response.json()["error"] for response in (foreign, missing)]
    for error, identifier in zip(same, (finished.public_id, absent), strict=True):
        error.pop("request_id")
        error["message"] = error["message"].replace(identifier, "…")
    assert same[0] == same[1]
    assert ask(as_nobody, finished.public_id).status_code == 401
    finished.refresh_from_db()
    assert (finished.state, finished.deleted_at) == (State.COMPLETED, None)


def test_scopes_and_roles(finished: Job, as_bob: ApiClient, limited_key: Callable[[Scope], ApiClient]) -> None:
    url = f"/v1/videos/{finished.public_id}"
    assert as_bob.get(url).status_code == as_bob.get(url + "/content").status_code == 200
    assert as_bob.post(url + "/cancel").status_code == as_bob.delete(url).status_code == 403
    reader = limited_key(Scope.VIDEOS_READ)
    assert reader.get(url).status_code == 200
    assert reader.delete(url).status_code == 403
    assert limited_key(Scope.VIDEOS_DELETE).get(url).status_code == 403


def test_invalid_keys(alice: Person, as_alice: ApiClient, client: Client, db: None) -> None:
    def ask(key: str, **headers: str) -> tuple[int, str]:
        response = client.get("/v1/models", headers={"Authorization": f"Bearer {key}", **headers})
        return response.status_code, response.json().get("error", {}).get("code", "")

    assert ask(alice.key)[0] == 200
    assert ask(alice.key + "x") == (401, "invalid_key")
    for wrong in ("mts_", "mts_a_b", "sk-123", "mts_\0_x", "ключ"):
        assert ask(wrong.encode().decode("latin-1"))[0] == 401
    ApiKey.objects.update(allowed_networks=["10.0.0.0/8"])
    assert ask(alice.key) == (401, "address_not_allowed")
    ApiKey.objects.update(allowed_networks=["127.0.0.0/8"])
    assert ask(alice.key)[0] == 200
    ApiKey.objects.update(expires_at=timezone.now())
    assert ask(alice.key) == (401, "expired_key")
    ApiKey.objects.update(expires_at=None)
    revoke_api_key(key=ApiKey.objects.get())
    assert ask(alice.key) == (401, "revoked_key")


def test_a_key_never_reads_cookies_and_a_session_needs_csrf(
    alice: Person, charlie: Person, body: Callable[..., dict[str, Any]], finished: Job
) -> None:
    from django.test import Client

    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice.user)
    assert browser.get(f"/v1/videos/{finished.public_id}").status_code == 200
    assert browser.get(f"/v1/videos/{finished.public_id}", headers=charlie.headers).status_code == 404
    assert browser.get("/v1/models", headers={"Authorization": "Bearer mts_x_y"}).status_code == 401
    response = browser.post("/v1/videos", body(), content_type="application/json")
    assert response.status_code == 403
    browser.get("/accounts/password/change/")
    token = browser.cookies["csrftoken"].value
    response = browser.post("/v1/videos", body(), content_type="application/json", headers={"X-CSRFToken": token})
    assert response.status_code == 202


def test_every_error_is_the_envelope(as_alice: ApiClient, finished: Job) -> None:
    for method, path, status, code in [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/videos/garbage", 404, "not_found"),
        ("GET", "/v1/videos/vid_%00", 404, "not_found"),
        ("PUT", "/v1/videos", 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
        ("GET", "/v1/videos?limit=x", 422, "invalid_field"),
    ]:
        response = as_alice.client.generic(method, path, headers=as_alice.headers)
        assert (response.status_code, response.json()["error"]["code"]) == (status, code), path
        assert response.json()["error"]["request_id"] == response["X-Request-Id"]


def test_an_internal_error_is_a_500_without_details(as_alice: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.videos.api.videos.list_videos", lambda **_: 1 / 0)
    response = as_alice.get("/v1/videos")
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal")
    assert "division" not in response.content.decode()


def test_head_needs_the_same_permissions_as_get(finished: Job, as_alice: ApiClient, as_nobody: ApiClient) -> None:
    for path in ("/v1/videos", f"/v1/videos/{finished.public_id}", "/v1/models"):
        head = as_alice.client.head(path, headers=as_alice.headers)
        assert (head.status_code, head.content) == (200, b"")
        assert as_nobody.client.head(path).status_code == 401


def test_models_and_presets(as_alice: ApiClient, as_nobody: ApiClient) -> None:
    models = as_alice.get("/v1/models").json()["data"]
    assert [(model["id"], model["default"]) for model in models] == [("camera", True)]
    assert models[0]["prices"]["standard"] >= 1
    presets = {preset["id"]: preset for preset in as_alice.get("/v1/presets").json()["data"]}
    assert (presets["high"]["resolution"], presets["high"]["steps"]) == ("768p", None)
    assert presets["high"]["model"] == "camera"
    assert as_nobody.get("/v1/models").status_code == 401


def test_the_description_is_valid_and_contains_every_route(client: Client, db: None) -> None:
    from django.urls import get_resolver
    from drf_spectacular.validation import validate_schema

    schema = client.get("/v1/openapi.json").json()
    validate_schema(schema)  # type: ignore[no-untyped-call]  # drf-spectacular gives it no types
    assert schema["openapi"].startswith("3.1")
    routes = {
        "/" + re.sub(r"<str:(\w+)>", r"{\1}", str(pattern.pattern))
        for resolver in get_resolver().url_patterns
        for pattern in getattr(resolver, "url_patterns", [])
    }
    of_the_api = {route for route in routes if route.startswith(("/v1/", "/generate"))}
    # Not documented: the description itself, and the endpoint for the proxy.
    assert of_the_api - {"/v1/openapi.json", "/v1/auth", "/v1/known"} == set(schema["paths"])
    assert client.get("/docs").status_code == 200
    assert client.options("/docs").status_code == 405


def test_probes(client: Client, db: None) -> None:
    assert client.get("/livez").content == b"ok"
    assert client.get("/readyz").json()["checks"] == {"database": True, "redis": True, "storage": True}
    health = client.get("/health").json()
    assert (health["status"], health["model_loaded"], health["queue_depth"]) == ("degraded", False, 0)
    assert health["timestamp"].endswith("Z")
