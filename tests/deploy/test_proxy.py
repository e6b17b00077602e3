"""The configuration of the proxy, in front of both kinds of web process: all three as in production."""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import psutil
import pytest
from django.conf import settings

from jobs.models import Job
from jobs.queue.cancel import cancel_job
from jobs.states import State
from jobs.storage.files import load_file
from tests.support.event_listener import Listener
from tests.support.ports import own_port
from tests.support.secrets_in_logs import check_logs
from tests.support.web_processes import LiveProcess, WebProcesses
from tests.support.workers import wait_for_state, wait_until

pytestmark = pytest.mark.process

CONFIGURATION = Path(settings.ROOT) / "deploy" / "nginx.conf"
Unavailable = Literal["web", "live"] | None


@dataclass(frozen=True)
class Site:
    url: str
    log: Path
    web: WebProcesses
    live: LiveProcess

    def lines_of(self, server: WebProcesses | LiveProcess, request_id: str) -> list[dict[str, Any]]:
        """Return the log lines of a process about a request."""
        return [json.loads(line) for line in server.log.read_text().splitlines() if request_id in line]

    def handled_by(self, request_id: str) -> list[str]:
        """Return which kinds of process handled a request."""
        wait_until(lambda: self.lines_of(self.web, request_id) or self.lines_of(self.live, request_id))
        return [kind for kind in ("web", "live") if self.lines_of(getattr(self, kind), request_id)]


def nginx() -> str:
    """Return the path of the proxy's program. Without it these tests fail: the configuration would not be tested."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.fail("These tests need nginx: apt-get install nginx-light.")
    return program


def with_replacements(text: str, replacements: dict[str, str]) -> str:
    """Return the configuration with other hosts, ports and folders. Everything else stays as it is shipped."""
    for shipped, replacement in replacements.items():
        assert shipped in text
        text = text.replace(shipped, replacement)
    return text


@pytest.fixture
def own_media() -> None:
    """Store files as the settings say: the processes run for longer than a test and share the files."""


@pytest.fixture(scope="module")
def _processes(
    module_web_processes: Callable[..., WebProcesses], module_live_process: Callable[..., LiveProcess]
) -> tuple[WebProcesses, LiveProcess]:
    environment = {"TRUSTED_PROXIES": 1, "LOG_JSON": 1}
    return module_web_processes(2, **environment), module_live_process(**environment)


@pytest.fixture
def start_proxy(
    transactional_db: None, _processes: tuple[WebProcesses, LiveProcess]
) -> Iterator[Callable[[Unavailable], Site]]:
    """Start the proxy in front of both kinds of process. In place of an unavailable one, nothing listens."""
    web, live = _processes
    with ExitStack() as stack:

        def start(unavailable: Unavailable = None) -> Site:
            folder = Path(tempfile.mkdtemp(prefix="mts-nginx-"))
            stack.callback(shutil.rmtree, folder)
            stack.callback(check_logs, folder)
            port = own_port()
            configuration = with_replacements(
                CONFIGURATION.read_text(),
                {
                    "server web:8000;": f"server unix:{folder / 'none' if unavailable == 'web' else web.socket};",
                    "server live:8000;": f"server 127.0.0.1:{own_port() if unavailable == 'live' else live.port};",
                    "listen 8080;": f"listen 127.0.0.1:{port};",
                    " /tmp/": f" {folder}/",
                },
            )
            (folder / "nginx.conf").write_text(configuration)
            user = "user root; " if os.geteuid() == 0 else ""  # the sockets belong to this user
            log = folder / "log"
            with log.open("wb") as output:
                process = psutil.Popen(
                    [nginx(), "-c", str(folder / "nginx.conf"), "-e", "stderr", "-g", f"{user}daemon off;"],
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
            wait_until(lambda: is_listening(port), explain=log.read_text)
            return Site(f"http://127.0.0.1:{port}", log, web, live)

        yield start


@pytest.fixture
def site(start_proxy: Callable[..., Site]) -> Site:
    return start_proxy()


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_each_kind_of_process_handles_its_own_requests(
    site: Site, alice: Any, submit: Callable[..., Job], body: Callable[..., Any]
) -> None:
    job = submit()
    short = {
        "list-of-videos": ("GET", "/v1/videos"),
        "state-of-video": ("GET", f"/v1/videos/{job.public_id}"),
        "page-to-sign-in": ("GET", "/"),
        "submit-a-video": ("POST", "/v1/videos"),
    }
    long = {
        "wait-for-change": ("GET", f"/v1/videos/{job.public_id}?wait=1"),
        "generate-it-all": ("POST", "/v1/generate"),
        "generate-as-old": ("POST", "/generate"),
    }
    with httpx.Client(base_url=site.url, headers={**alice.headers, "Prefer": "wait=0"}, timeout=60) as client:
        for request_id, (method, path) in {**short, **long}.items():
            options = {"json": body()} if method == "POST" else {}
            response = client.request(method, path, headers={"X-Request-Id": request_id}, **options)
            assert response.status_code in {200, 202, 302}, response.text
            assert response.headers["X-Request-Id"] == request_id
    for name in short:
        assert site.handled_by(name) == ["web"], name
    for name in long:
        assert site.handled_by(name) == ["live"], name


def test_streams_come_from_live_without_buffering(site: Site, alice: Any, submit: Callable[..., Job]) -> None:
    job = submit()
    with Listener(site.url, job, {**alice.headers, "X-Request-Id": "stream-of-video"}) as listener:
        listener.wait(lambda events: events.statuses == ["queued"])
        assert not listener.ended
        cancel_job(job=job)
        listener.wait(lambda events: events.ended)
    assert listener.statuses == ["queued", "canceled"]
    assert listener.headers["Content-Type"] == "text/event-stream"
    assert site.handled_by("stream-of-video") == ["live"]


def test_a_body_that_is_too_large_is_refused_in_the_envelope_of_its_url(site: Site, alice: Any) -> None:
    """The proxy refuses it before the upload; the site refuses one below the limit of the proxy."""
    envelopes: list[dict[str, Any]] = []
    for length in (48_500_000, 60_000_000):
        for path in ("/v1/videos", "/v1/videos/quote", "/generate"):
            response = post_zeros(f"{site.url}{path}", alice.headers, length)
            assert (response.status_code, response.headers["Content-Type"]) == (413, "application/json"), length
            if path == "/generate":
                assert response.json()["code"] == "INVALID_ARGUMENT"
                continue
            error = response.json()["error"]
            assert error["code"] == "body_too_large"
            envelopes.append(error | {"request_id": "", "message": "", "doc_url": error["doc_url"].rpartition("/")[2]})
            assert error["request_id"] == response.headers["X-Request-Id"]
    assert len(envelopes) == 4
    assert all(envelope == envelopes[0] for envelope in envelopes)


def post_zeros(url: str, headers: dict[str, str], length: int) -> httpx.Response:
    return httpx.post(url, headers=headers, content=bytes(length), timeout=60)


def send_batch_head(site: Site, headers: dict[str, str], length: int) -> str:
    """Return the response to the head of a batch, before any byte of its body is sent."""
    host, _, port = site.url.removeprefix("http://").partition(":")
    head = {"Host": "localhost", "Content-Type": "application/jsonl", "Content-Length": str(length), **headers}
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        text = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        connection.sendall(f"POST /v1/batches HTTP/1.1\r\n{text}\r\n".encode())
        response = b""
        while b"}}" not in response and (piece := connection.recv(65536)):
            response += piece
    return response.decode()


def test_an_unauthenticated_client_sends_no_batch(site: Site, alice: Any) -> None:
    """The site's own error is returned before the proxy stores any of the body."""
    cases: list[tuple[dict[str, str], str]] = [
        ({}, "unauthenticated"),
        ({"Authorization": "Bearer mts_ab_wrong"}, "invalid_key"),
        ({"X-API-Key": alice.key + "x", "X-Forwarded-For": "6.6.6.6"}, "invalid_key"),
    ]
    for headers, code in cases:
        response = send_batch_head(site, headers, 200_000_000)
        assert response.startswith("HTTP/1.1 401 "), response
        assert f'"code": "{code}"' in response
        assert f"/docs/errors#{code}" in response
        assert "WWW-Authenticate: Bearer" in response
    assert send_batch_head(site, alice.headers, 300_000_000).startswith("HTTP/1.1 413 ")


def test_a_preflight_request_of_a_batch_needs_no_key(site: Site) -> None:
    headers = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
    assert httpx.options(f"{site.url}/v1/batches", headers=headers, timeout=60).status_code == 200
    assert httpx.post(f"{site.url}/v1/batches", json={}, timeout=60).status_code == 401


def test_an_authenticated_client_sends_a_batch(
    site: Site, start_proxy: Callable[..., Site], alice: Any, body: Callable[..., Any]
) -> None:
    small, large = body(), body(prompt="x" * 1000, metadata={"note": "y" * 400})
    with httpx.Client(base_url=site.url, headers=alice.headers, timeout=60) as client:
        for requests in ([small], [small] + [large] * 20):
            response = client.post(
                "/v1/batches", json={"requests": requests}, headers={"X-Request-Id": "many-in-one-call"}
            )
            assert response.status_code == 202, response.text
            assert response.json()["counts"]["total"] == len(requests)
        assert len(client.get("/v1/batches").json()["data"]) == 2
        assert site.handled_by("many-in-one-call") == ["web"]
        assert client.get("/.proxy/auth").status_code == 404
    url = f"{start_proxy('web').url}/v1/batches"
    unavailable = httpx.post(url, headers=alice.headers, json={"requests": [small]}, timeout=60)
    assert (unavailable.status_code, unavailable.json()["error"]["code"]) == (503, "overloaded")
    assert unavailable.headers["Retry-After"]


def test_an_unavailable_process_is_reported_in_the_envelope(start_proxy: Callable[..., Site], alice: Any) -> None:
    site = start_proxy("live")
    response = httpx.post(f"{site.url}/v1/generate", headers=alice.headers, json={}, timeout=60)
    assert (response.status_code, response.json()["status"]) == (503, "failed")
    wait = httpx.get(f"{site.url}/v1/videos/vid_{'0' * 32}?wait=1", headers=alice.headers, timeout=60)
    assert (wait.status_code, wait.json()["error"]["code"]) == (503, "overloaded")
    assert wait.headers["Retry-After"]
    assert httpx.get(f"{site.url}/v1/videos", headers=alice.headers, timeout=60).status_code == 200


def test_errors_of_the_proxy_are_logged_without_urls(start_proxy: Callable[..., Site]) -> None:
    site = start_proxy("live")
    responses = [
        httpx.get(f"{site.url}/s/secret-token/vid_1/content?wait=1&token=secret-token", timeout=60),
        post_zeros(f"{site.url}/join/secret-token", {}, 60_000_000),
        httpx.get(f"{site.url}/livez", timeout=60),
    ]
    assert [response.status_code for response in responses] == [503, 413, 200]
    wait_until(lambda: site.log.read_text().count("\n") >= 2, explain=site.log.read_text)
    lines = [json.loads(line) for line in site.log.read_text().splitlines()]
    assert [(line["event"], line["status"], line["upstream_status"]) for line in lines] == [
        ("proxy_error", "503", "502"),
        ("proxy_error", "413", ""),
    ]
    assert "secret-token" not in site.log.read_text()


def test_range_requests_of_a_video_pass(
    site: Site, alice: Any, submit: Callable[..., Job], start_worker: Callable[..., Any]
) -> None:
    start_worker()
    job = wait_for_state(submit(), State.COMPLETED)
    video = load_file(job.result_key)
    part = httpx.get(
        f"{site.url}/v1/videos/{job.public_id}/content", headers={**alice.headers, "Range": "bytes=100-299"}, timeout=60
    )
    assert (part.status_code, part.content) == (206, video[100:300])
    assert part.headers["Content-Range"] == f"bytes 100-299/{len(video)}"


def test_no_client_can_forge_its_ip_address(site: Site, alice: Any) -> None:
    forged = {"X-Forwarded-For": "6.6.6.6", "X-Real-IP": "6.6.6.6", "Forwarded": "for=6.6.6.6"}
    for request_id, path in (("forged-for-web", "/v1/videos"), ("forged-for-live", "/v1/videos/vid_0?wait=1")):
        httpx.get(f"{site.url}{path}", headers={**alice.headers, **forged, "X-Request-Id": request_id}, timeout=60)
        (kind,) = site.handled_by(request_id)
        seen = {line["client_ip"] for line in site.lines_of(getattr(site, kind), request_id)}
        assert seen == {"127.0.0.1"}


def test_metrics_are_not_public(site: Site) -> None:
    assert httpx.get(f"{site.url}/metrics", timeout=60).status_code == 404


def test_the_compose_file_uses_this_configuration() -> None:
    compose = (CONFIGURATION.parent / "compose.yaml").read_text()
    assert "./nginx.conf:/etc/nginx/nginx.conf:ro" in compose
    assert re.search(r"uvicorn portal\.asgi:application .*--no-proxy-headers", compose)
    assert re.search(
        r"uvicorn portal\.asgi:application .*--http portal\.web\.http_protocol:BoundedHttpProtocol", compose
    )
    assert 'TRUSTED_PROXIES: "1"' in compose
