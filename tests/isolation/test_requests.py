"""Requests that end in unusual ways do not affect the next one: errors, streams, clients that disconnect."""

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
from asgiref.sync import async_to_sync
from django.conf import settings as site
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import path

from accounts.auth.principals import principal_for_session
from jobs.models import Job
from jobs.states import State
from portal.urls import handler404, handler500  # noqa: F401 (a URL configuration names them)
from tests.isolation.test_sessions import OWNER, where
from tests.isolation.world import MARKER, World, make_job
from tests.support.ports import own_port
from tests.support.workers import wait_until


def _stream(request: HttpRequest) -> StreamingHttpResponse:
    """Respond with the number of videos that the stream sees, queried five times while it is sent."""
    principal_for_session(request)
    return StreamingHttpResponse(f"{Job.objects.count()} " for _ in range(5))


@transaction.atomic
def _fail(request: HttpRequest) -> HttpResponse:
    principal_for_session(request)
    Job.objects.count()
    raise RuntimeError("in the middle of a transaction")


def _count(_request: HttpRequest) -> StreamingHttpResponse:
    """Count without a tenant, so across all teams."""
    return StreamingHttpResponse([str(Job.objects.count())])


def _counted() -> bytes:
    response: Any = Client().get("/count")
    return b"".join(response.streaming_content)


urlpatterns = [path("stream", _stream), path("fail", _fail), path("count", _count)]


@pytest.mark.urls("tests.isolation.test_requests")
def test_a_stream_is_restricted_by_the_row_policies(world: World) -> None:
    make_job(world.mallory, State.QUEUED, prompt="hers")
    response: Any = world.mallory.new_browser().get("/stream")
    assert b"".join(response.streaming_content) == b"1 1 1 1 1 "
    assert where()[0] == OWNER
    assert _counted() == b"3"


@pytest.mark.urls("tests.isolation.test_requests")
def test_a_stream_of_an_asynchronous_server_is_restricted_too(world: World) -> None:
    cookie = world.mallory.new_browser().cookies["sessionid"].value

    async def read() -> bytes:
        client = AsyncClient()
        client.cookies["sessionid"] = cookie
        response: Any = await client.get("/stream")
        return b"".join([part async for part in response])

    with pytest.warns(Warning, match="consume synchronous iterators"):
        assert async_to_sync(read)() == b"0 0 0 0 0 "


@pytest.mark.urls("tests.isolation.test_requests")
@pytest.mark.django_db(transaction=True)
def test_a_view_that_fails_leaves_no_tenant(world: World) -> None:
    assert world.mallory.new_browser().get("/fail").status_code == 500
    assert where()[0] == OWNER
    assert _counted() == b"2"


@pytest.fixture(params=["live, one pooled connection", "web, a kept connection"])
def server(request: pytest.FixtureRequest, transactional_db: None, tmp_path: Any) -> Iterator[str]:
    """A server as in production, with a single connection that all requests share."""
    port = own_port()
    command, variables = {
        "live": (f"uvicorn portal.asgi:application --port {port} --log-level warning", {"DATABASE_POOL_SIZE": "1"}),
        "web,": (f"gunicorn portal.wsgi:application --bind 127.0.0.1:{port}", {}),
    }[request.param[:4]]
    url = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path="/" + str(connection.settings_dict["NAME"])))
    paths = os.pathsep.join([str(site.ROOT), str(site.ROOT / "platform")])
    environment = {**os.environ, **variables, "DATABASE_URL": url, "PYTHONPATH": paths}
    environment |= {"DJANGO_SETTINGS_MODULE": "portal.settings", "MEDIA_ROOT": str(tmp_path / "media")}
    environment |= {"VAR_DIR": str(tmp_path), "GENERATE_RATE_LIMIT": "1000/minute"}
    environment["GENERATE_TIMEOUT_SECONDS"] = "0.5"
    (tmp_path / "static").mkdir()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", *command.split()], env=environment, stdout=log, stderr=log)
    base = f"http://127.0.0.1:{port}"

    def is_live() -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{base}/livez", timeout=2).status_code == 200
        return False

    try:
        wait_until(is_live, 180, (tmp_path / "log").read_text)
        yield base
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_many_requests_of_two_teams_over_one_connection(server: str, world: World) -> None:
    """Lists, polls, wrong keys and disconnects in any order: every team gets its own rows."""
    make_job(world.mallory, State.QUEUED, prompt="hers")
    headers = {"alice": world.owner.key_headers(), "mallory": world.mallory.key_headers()}
    cookie = {"sessionid": world.mallory.new_browser().cookies["sessionid"].value}
    picture = base64.b64encode((Path(site.ROOT) / "samples" / "cat.jpg").read_bytes()).decode()
    prompts = {"alice": f"a {MARKER} at dusk", "mallory": "hers"}

    def one(number: int) -> list[str]:
        name = ("alice", "mallory")[number % 2]
        wrong = []
        with httpx.Client(base_url=server, headers=headers[name], timeout=60) as api:
            shown = api.get("/v1/videos").raise_for_status().json()["data"]
            if {row["prompt"] for row in shown} != {prompts[name]}:
                wrong.append(f"{name} was shown {shown}")
            if (api.get(f"/v1/videos/{world.done.public_id}").status_code == 200) is not (name == "alice"):
                wrong.append(f"{name} and a video of alice's")
            if api.get("/v1/videos", headers={"Authorization": "Bearer mts_a_b"}).status_code != 401:
                wrong.append("a wrong key was let in")
            shown = httpx.get(f"{server}/v1/videos", cookies=cookie, timeout=60).raise_for_status().json()["data"]
            if {row["prompt"] for row in shown} != {"hers"}:
                wrong.append(f"mallory's browser was shown {shown}")
            body = {"image_base64": picture, "prompt": prompts[name]}
            with suppress(httpx.TransportError):  # disconnects: some immediately, some while waiting for the video
                api.post("/generate", json=body, timeout=0.05 * (number + 1))
        return wrong

    with ThreadPoolExecutor(3) as pool:
        assert [wrong for found in pool.map(one, range(12)) for wrong in found] == []
