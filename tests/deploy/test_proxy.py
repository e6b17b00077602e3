"""The proxy's own configuration in front of both kinds of web process: all three as production runs them."""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from django.conf import settings
from django.core.files.storage import default_storage

from jobs.queue.cancel import cancel_job
from jobs.states import State
from tests.support.event_listener import Listener
from tests.support.ports import own_port
from tests.support.web_processes import LiveProcess, WebProcesses
from tests.support.workers import wait_for_state, wait_until

pytestmark = pytest.mark.xdist_group("processes")

CONFIGURATION = Path(settings.ROOT) / "deploy" / "nginx.conf"


@dataclass(frozen=True)
class Site:
    url: str
    web: WebProcesses
    live: LiveProcess

    def lines_of(self, server: WebProcesses | LiveProcess, request_id: str) -> list[dict[str, Any]]:
        """What a process has logged of a request."""
        return [json.loads(line) for line in server.log.read_text().splitlines() if request_id in line]

    def answered_by(self, request_id: str) -> list[str]:
        """Which processes had to do with a request."""
        wait_until(lambda: self.lines_of(self.web, request_id) or self.lines_of(self.live, request_id))
        return [kind for kind in ("web", "live") if self.lines_of(getattr(self, kind), request_id)]


def nginx() -> str:
    """The proxy. Without it these tests fail: a configuration that nothing has read is not tested."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.fail("These tests need nginx: apt-get install nginx-light.")
    return found


def with_addresses(text: str, addresses: dict[str, str]) -> str:
    """The configuration with other addresses and folders. Everything else stays as it is shipped."""
    for shipped, here in addresses.items():
        assert shipped in text
        text = text.replace(shipped, here)
    return text


@pytest.fixture
def site(web_processes: Callable[..., WebProcesses], live_process: Callable[..., LiveProcess]) -> Iterator[Site]:
    environment = {"TRUSTED_PROXIES": 1, "LOG_JSON": 1}
    web = web_processes(2, **environment)
    live = live_process(**environment)
    folder = Path(tempfile.mkdtemp(prefix="mts-nginx-"))
    port = own_port()
    configuration = with_addresses(
        CONFIGURATION.read_text(),
        {
            "server web:8000;": f"server unix:{web.socket};",
            "server live:8000;": f"server 127.0.0.1:{live.port};",
            "listen 8080;": f"listen 127.0.0.1:{port};",
            " /tmp/": f" {folder}/",
        },
    )
    (folder / "nginx.conf").write_text(configuration)
    as_whom = "user root; " if os.geteuid() == 0 else ""  # the sockets are this user's
    log = folder / "log"
    with log.open("wb") as output:
        process = psutil.Popen(
            [nginx(), "-c", str(folder / "nginx.conf"), "-e", "stderr", "-g", f"{as_whom}daemon off;"],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: answers(url), explain=log.read_text)
    yield Site(url, web, live)
    process.terminate()
    process.wait(20)
    shutil.rmtree(folder)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez").status_code == 200
    except httpx.TransportError:
        return False


def test_each_kind_of_process_answers_what_is_its_own(site, alice, submit, body):
    job = submit()
    short = {
        "list-of-videos": ("GET", "/v1/videos"),
        "state-of-video": ("GET", f"/v1/videos/{job.public_id}"),
        "page-to-sign-in": ("GET", "/"),
        "submit-a-video": ("POST", "/v1/videos"),
    }
    waiting = {
        "wait-for-change": ("GET", f"/v1/videos/{job.public_id}?wait=1"),
        "generate-it-all": ("POST", "/v1/generate"),
        "generate-as-old": ("POST", "/generate"),
    }
    with httpx.Client(base_url=site.url, headers={**alice.headers, "Prefer": "wait=0"}, timeout=60) as client:
        for request_id, (method, path) in {**short, **waiting}.items():
            sent = {"json": body()} if method == "POST" else {}
            answer = client.request(method, path, headers={"X-Request-Id": request_id}, **sent)
            assert answer.status_code in {200, 202, 302}, answer.text
            assert answer.headers["X-Request-Id"] == request_id
    for name in short:
        assert site.answered_by(name) == ["web"], name
    for name in waiting:
        assert site.answered_by(name) == ["live"], name


def test_streams_come_from_live_as_they_happen(site, alice, submit):
    job = submit()
    with Listener(site.url, job, {**alice.headers, "X-Request-Id": "stream-of-video"}) as heard:
        heard.wait(lambda it: it.statuses == ["queued"])
        assert not heard.ended
        cancel_job(job=job)
        heard.wait(lambda it: it.ended)
    assert heard.statuses == ["queued", "canceled"]
    assert heard.headers["Content-Type"] == "text/event-stream"
    assert site.answered_by("stream-of-video") == ["live"]


def test_what_is_too_large_is_refused_in_the_envelope_of_its_address(site, alice):
    """By the proxy, before it is uploaded, and by the site just below that."""
    envelopes: list[dict[str, Any]] = []
    for length in (48_500_000, 60_000_000):
        for path in ("/v1/videos", "/v1/videos/quote", "/generate"):
            answer = post_announced(f"{site.url}{path}", alice.headers, length)
            assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/json"), length
            if path == "/generate":
                assert answer.json()["code"] == "INVALID_ARGUMENT"
                continue
            error = answer.json()["error"]
            assert error["code"] == "body_too_large"
            envelopes.append(error | {"request_id": "", "message": "", "doc_url": error["doc_url"].rpartition("/")[2]})
            assert error["request_id"] == answer.headers["X-Request-Id"]
    assert len(envelopes) == 4
    assert all(envelope == envelopes[0] for envelope in envelopes)


def post_announced(address: str, headers: dict[str, str], length: int) -> httpx.Response:
    return httpx.post(address, headers=headers, content=bytes(length), timeout=60)


def announce(site: Site, headers: dict[str, str], length: int) -> str:
    """What is answered to the head of a batch, before a byte of its body is sent."""
    host, _, port = site.url.removeprefix("http://").partition(":")
    head = {"Host": "localhost", "Content-Type": "application/jsonl", "Content-Length": str(length), **headers}
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        text = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        connection.sendall(f"POST /v1/batches HTTP/1.1\r\n{text}\r\n".encode())
        answer = b""
        while b"}}" not in answer and (piece := connection.recv(65536)):
            answer += piece
    return answer.decode()


def test_who_is_not_known_sends_no_batch(site, alice):
    """Refused in the site's own words before the proxy keeps any of it."""
    for headers, code in (
        ({}, "unauthenticated"),
        ({"Authorization": "Bearer mts_ab_wrong"}, "invalid_key"),
        ({"X-API-Key": alice.key + "x", "X-Forwarded-For": "6.6.6.6"}, "invalid_key"),
    ):
        answer = announce(site, headers, 200_000_000)
        assert answer.startswith("HTTP/1.1 401 "), answer
        assert f'"code": "{code}"' in answer
        assert f"/docs/errors#{code}" in answer
        assert "WWW-Authenticate: Bearer" in answer
    assert announce(site, alice.headers, 300_000_000).startswith("HTTP/1.1 413 ")


def test_who_is_known_sends_a_batch(site, alice, body):
    small, large = body(), body(prompt="x" * 1000, metadata={"note": "y" * 400})
    with httpx.Client(base_url=site.url, headers=alice.headers, timeout=60) as client:
        for requests in ([small], [small] + [large] * 20):
            answer = client.post(
                "/v1/batches", json={"requests": requests}, headers={"X-Request-Id": "many-in-one-call"}
            )
            assert answer.status_code == 202, answer.text
            assert answer.json()["counts"]["total"] == len(requests)
        assert len(client.get("/v1/batches").json()["data"]) == 2
        assert site.answered_by("many-in-one-call") == ["web"]
        assert client.get("/.proxy/auth").status_code == 404
        site.web.stop()
        away = client.post("/v1/batches", json={"requests": [small]})
    assert (away.status_code, away.json()["error"]["code"]) == (503, "overloaded")
    assert away.headers["Retry-After"]


def test_a_process_that_is_away_is_told_in_the_envelope(site, alice):
    site.live.stop()
    answer = httpx.post(f"{site.url}/v1/generate", headers=alice.headers, json={}, timeout=60)
    assert (answer.status_code, answer.json()["status"]) == (503, "failed")
    wait = httpx.get(f"{site.url}/v1/videos/vid_{'0' * 32}?wait=1", headers=alice.headers, timeout=60)
    assert (wait.status_code, wait.json()["error"]["code"]) == (503, "overloaded")
    assert wait.headers["Retry-After"]
    assert httpx.get(f"{site.url}/v1/videos", headers=alice.headers, timeout=60).status_code == 200


def test_parts_of_a_film_pass(site, alice, submit, start_worker):
    start_worker()
    job = wait_for_state(submit(), State.COMPLETED)
    with default_storage.open(job.result_key) as file:
        film = file.read()
    part = httpx.get(
        f"{site.url}/v1/videos/{job.public_id}/content", headers={**alice.headers, "Range": "bytes=100-299"}, timeout=60
    )
    assert (part.status_code, part.content) == (206, film[100:300])
    assert part.headers["Content-Range"] == f"bytes 100-299/{len(film)}"


def test_no_client_chooses_its_address(site, alice):
    forged = {"X-Forwarded-For": "6.6.6.6", "X-Real-IP": "6.6.6.6", "Forwarded": "for=6.6.6.6"}
    for request_id, path in (("forged-for-web", "/v1/videos"), ("forged-for-live", "/v1/videos/vid_0?wait=1")):
        httpx.get(f"{site.url}{path}", headers={**alice.headers, **forged, "X-Request-Id": request_id}, timeout=60)
        (kind,) = site.answered_by(request_id)
        seen = {line["client_ip"] for line in site.lines_of(getattr(site, kind), request_id)}
        assert seen == {"127.0.0.1"}


def test_figures_are_for_the_inside(site):
    assert httpx.get(f"{site.url}/metrics", timeout=60).status_code == 404


def test_the_compose_file_runs_what_is_tested_here():
    compose = (CONFIGURATION.parent / "compose.yaml").read_text()
    assert "./nginx.conf:/etc/nginx/nginx.conf:ro" in compose
    assert re.search(r"uvicorn portal\.asgi:application .*--no-proxy-headers", compose)
    assert 'TRUSTED_PROXIES: "1"' in compose
