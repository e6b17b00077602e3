"""Images of requests: base64, decoded alike at every route, and files at URLs.

URLs are fetched if the operator allows it, from public IP addresses, within limits; otherwise 422.
"""

import base64
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.test import Client
from pytest_django.fixtures import Settings

from common.concurrency import ConcurrencyLimiter
from common.messages import Message
from jobs.models import Job
from jobs.storage.files import load_file
from jobs.videos import source_images
from tests.support.api_client import ApiClient
from tests.support.images import CAT, png
from tests.support.people import Person
from tests.support.ports import own_port
from tests.support.web_processes import WebProcesses
from tests.support.webhook_receiver import Receiver, respond_with, running_receiver


@pytest.fixture
def allowed(settings: Settings) -> None:
    settings.IMAGE_URL_FETCH_ENABLED = settings.IMAGE_URL_FETCH_ALLOW_HTTP = True


@pytest.fixture
def host(settings: Settings, allowed: None) -> Iterator[Receiver]:
    """A server of images on loopback, which the settings of this test allow."""
    settings.IMAGE_URL_FETCH_ALLOW_LOOPBACK = True
    with running_receiver() as receiver:
        receiver.respond = lambda handler: respond_with(handler, 200, png(), **{"Content-Type": "image/png"})
        yield receiver


@pytest.fixture
def ask(as_alice: ApiClient, body: Callable[..., dict[str, Any]]) -> Any:
    """Return a function that submits a video with the image at a URL."""

    def submit(url: str, path: str = "/v1/videos", **headers: str) -> Any:
        return as_alice.post(path, body(image_base64=..., image_url=url), **headers)

    return submit


def refused(response: Any) -> str:
    """Return the type of the error about `image_url` in a response."""
    assert response.status_code == 422, response.content
    error = response.json()["error"]
    assert (error["param"], error["details"][0]["loc"]) == ("image_url", ["image_url"])
    assert error["message"].startswith("image_url: ")
    assert not Job.objects.exists()
    return str(error["details"][0]["type"])


def test_off_unless_the_operator_allows_it(ask: Any, as_alice: ApiClient, settings: Settings) -> None:
    assert not settings.IMAGE_URL_FETCH_ENABLED
    response = ask("https://example.com/cat.png")
    assert refused(response) == "not_allowed"
    assert "disabled on this site" in response.json()["error"]["message"]
    legacy = ask("https://example.com/cat.png", "/generate")
    assert (legacy.status_code, legacy.json()["code"]) == (422, "INVALID_ARGUMENT")


def test_input_reference_of_openai(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]], host: Receiver, settings: Settings
) -> None:
    reference = body(image_base64=..., input_reference={"image_url": host.url})
    assert as_alice.post("/v1/videos", reference).status_code == 202
    assert len(host.requests) == 1
    settings.IMAGE_URL_FETCH_ENABLED = False
    response = as_alice.post("/v1/videos", reference)
    error = response.json()["error"]
    assert (response.status_code, error["param"], error["details"][0]["type"]) == (
        422,
        "input_reference",
        "not_allowed",
    )
    assert (len(host.requests), Job.objects.count()) == (1, 1)


def test_an_image_is_fetched_for_submit_quote_and_form(ask: Any, as_alice: ApiClient, host: Receiver) -> None:
    response = ask(f"{host.url}/cat.png?size=large")
    assert response.status_code == 202, response.content
    [received] = host.requests
    assert received.path == "/cat.png?size=large"
    assert (received.headers["User-Agent"], received.headers["Accept-Encoding"]) == ("Mutoscope-Images/1", "identity")
    assert not {"Authorization", "X-API-Key", "Cookie"} & received.headers.keys()
    assert load_file(Job.objects.get().source_key).startswith(b"\x89PNG")
    assert ask(host.url, "/v1/videos/quote").json()["credits"] >= 1
    form = {"image_url": host.url, "prompt": "x", "num_frames": "8", "resolution": "256p"}
    response = as_alice.client.post("/v1/videos", form, headers=as_alice.headers)
    assert response.status_code == 202, response.content
    assert len(host.requests) == 3


def test_the_content_type_of_the_response_is_ignored(ask: Any, host: Receiver) -> None:
    host.respond = lambda handler: respond_with(handler, 200, png(), **{"Content-Type": "text/html"})
    assert ask(f"{host.url}/cat.html").status_code == 202


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<!doctype html><title>Not found</title>", "picture_unsupported"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "picture_unsupported"),
        (b"", "picture_unreadable"),
        (png()[:60], "picture_truncated"),
        (gzip.compress(png()), "picture_unsupported"),
        (png(9000, 8), "picture_too_large"),
    ],
)
def test_unsupported_images_are_rejected(content: Any, kind: str, ask: Any, host: Receiver) -> None:
    host.respond = lambda handler: respond_with(handler, 200, content, **{"Content-Type": "image/png"})
    assert refused(ask(host.url)) == kind


@pytest.mark.parametrize(
    ("status", "kind"), [(500, "not_found"), (404, "not_found"), (204, "not_found"), (206, "not_found")]
)
def test_unsuccessful_responses_are_rejected(status: int, kind: str, ask: Any, host: Receiver) -> None:
    host.respond = lambda handler: respond_with(handler, status, b"")
    response = ask(host.url)
    assert refused(response) == kind
    assert str(status) in response.json()["error"]["message"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int, ask: Any, host: Receiver) -> None:
    host.respond = lambda handler: respond_with(handler, status, Location=f"{host.url}/elsewhere")
    assert refused(ask(host.url)) == "redirect"
    assert [received.path for received in host.requests] == ["/"]


def test_a_large_response_is_aborted(ask: Any, host: Receiver, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 3_000_000
    sent = []

    def send_without_end(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(1024):
                handler.wfile.write(b"x" * 1024 * 1024)
                sent.append(1)
        except OSError:
            return

    host.respond = send_without_end
    response = ask(host.url)
    assert refused(response) == "too_large"
    assert "3 MB" in response.json()["error"]["message"]
    assert len(sent) < 100


def test_a_slow_response_is_aborted(ask: Any, host: Receiver, settings: Settings) -> None:
    settings.IMAGE_URL_FETCH_TIMEOUT_SECONDS = 1

    def send_slowly(start: bytes) -> Any:
        def response(handler: Any) -> None:
            handler.wfile.write(start)
            for _ in range(600):
                try:
                    handler.wfile.write(b"z")
                except OSError:
                    return
                time.sleep(0.1)

        return response

    head = b"HTTP/1.1 200 OK\r\n"
    for start in (head + b"\r\n", head + b"Content-Length: 9999\r\n\r\n", head + b"X-Slow: "):
        host.respond = send_slowly(start)
        began = time.monotonic()
        response = ask(host.url)
        assert refused(response) == "too_slow"
        assert "1 seconds" in response.json()["error"]["message"]
        assert time.monotonic() - began < 30


def test_the_timeout_includes_the_name_resolution(
    ask: Any, host: Receiver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a name server does not respond, the system's resolver waits for half a minute, and cannot be interrupted."""
    settings.IMAGE_URL_FETCH_TIMEOUT_SECONDS = 0.5
    go_on, looked_up, resolve = threading.Event(), [], socket.getaddrinfo

    def slowly(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "slow.example.com":
            go_on.wait(20)
            looked_up.append(name)
        return resolve(name, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    try:
        assert refused(ask("https://slow.example.com/cat.png")) == "too_slow"
        assert looked_up == []
    finally:
        go_on.set()
    settings.IMAGE_URL_FETCH_TIMEOUT_SECONDS = 60
    assert ask(host.url).status_code == 202  # the slot is free again


def test_an_incomplete_body(ask: Any, host: Receiver) -> None:
    def break_off(handler: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + png()[:50])
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)

    host.respond = break_off
    assert refused(ask(host.url)) == "unreachable"


def test_unreachable_hosts(ask: Any, host: Receiver, settings: Settings) -> None:
    assert refused(ask(f"http://127.0.0.1:{own_port()}/cat.png")) == "unreachable"
    assert refused(ask("https://no-such-host.invalid/cat.png")) == "unreachable"
    assert refused(ask(host.url.replace("http:", "https:"))) in {"certificate", "unreachable"}


def test_http_only_if_a_setting_allows_it(ask: Any, host: Receiver, settings: Settings) -> None:
    settings.IMAGE_URL_FETCH_ALLOW_HTTP = False
    assert refused(ask(host.url)) == "not_https"
    assert refused(ask(host.url.replace("http:", "HTTP:"))) == "not_https"
    assert host.requests == []


@pytest.mark.parametrize(
    "name",
    [
        "127.0.0.1",
        "localhost",
        "0",
        "127.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::]",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "10.0.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "[fe80::1]",
        "[64:ff9b::7f00:1]",
    ],
)
def test_private_ip_addresses_are_not_fetched(name: str, ask: Any, allowed: None) -> None:
    with running_receiver() as receiver:
        port = receiver.url.rpartition(":")[2]
        for scheme in ("http", "https"):
            assert refused(ask(f"{scheme}://{name}:{port}/latest/meta-data/")) in {"private_address", "unreachable"}
        if name == "127.0.0.1":
            assert refused(ask(f"http://{name}:{port}/")) == "private_address"
        assert receiver.requests == []


def test_errors_do_not_tell_whether_an_internal_name_exists(ask: Any, allowed: None) -> None:
    with running_receiver() as receiver:
        port = receiver.url.rpartition(":")[2]
        urls = [f"http://localhost:{port}/", "http://localhost:9/", "http://absent.invalid/"]
        errors = [ask(url).json()["error"] for url in urls]
        assert receiver.requests == []
    for error in errors:
        del error["request_id"]
    assert errors[0]["details"][0]["type"] == "unreachable"
    assert errors == [errors[0]] * 3


def test_only_loopback_is_allowed_by_the_setting(ask: Any, host: Receiver) -> None:
    for name in ("169.254.169.254", "10.0.0.1", "[fd00:ec2::254]"):
        assert refused(ask(f"http://{name}/")) == "private_address"


@pytest.mark.parametrize(
    "url",
    [
        "cat.png",
        "//example.com/cat.png",
        "file:///etc/passwd",
        "ftp://example.com/cat.png",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "data:image/png;base64,AAAA",
        "https://",
        "https://[",
        "https://user:pass@example.com/",
        "https://example.com:99999/",
        "https://exa mple.com/",
        "https://\0/",
        "https://example.com/" + "x" * 3000,
        "",
        7,
    ],
)
def test_invalid_urls_are_rejected(url: Any, ask: Any, allowed: None) -> None:
    assert refused(ask(url)) in {"malformed", "blank", "wrong_type", "not_text", "max_length"}


def test_null_is_no_url(ask: Any, allowed: None) -> None:
    error = ask(None).json()["error"]
    assert (error["param"], error["details"][0]["type"]) == ("image_base64", "required")


def test_exactly_one_image(as_alice: ApiClient, body: Callable[..., dict[str, Any]], host: Receiver) -> None:
    for other in ("image_base64", "image", "input_reference"):
        if other == "image_base64":
            response = as_alice.post("/v1/videos", body(image_url=host.url))
        else:
            form = {"image_url": host.url, "prompt": "x", other: SimpleUploadedFile("cat.png", png(), "image/png")}
            response = Client().post("/v1/videos", form, headers=as_alice.headers)
        error = response.json()["error"]
        assert (response.status_code, error["details"][0]["type"]) == (422, "conflict"), other
        assert {other, "image_url"} <= set(error["message"].replace(",", "").replace(":", "").split())
    response = as_alice.post("/v1/videos", body(image_base64=...))
    assert (response.status_code, response.json()["error"]["details"][0]["type"]) == (422, "required")
    assert host.requests == []


def test_a_repeated_request_does_not_fetch_again(ask: Any, host: Receiver) -> None:
    first = ask(host.url, **{"Idempotency-Key": "one"})
    assert first.status_code == 202
    host.respond = lambda handler: respond_with(handler, 500)
    again = ask(host.url, **{"Idempotency-Key": "one"})
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    other = ask(f"{host.url}/other", **{"Idempotency-Key": "one"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_conflict")
    assert len(host.requests) == 1


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/replicate/v1/predictions", {"version": "mutoscope/camera", "input": {}}),
        ("/fal/queue/mutoscope/camera", {}),
    ],
)
def test_repeated_requests_of_other_apis_do_not_fetch_again(
    path: str, sent: Any, as_alice: ApiClient, host: Receiver
) -> None:
    settings_sent = {"image_url": host.url, "prompt": "x", "num_frames": 8, "resolution": "256p"}
    sent = {**sent, "input": settings_sent} if "input" in sent else settings_sent
    responses = [as_alice.post(path, sent, **{"Idempotency-Key": "one"})]
    host.respond = lambda handler: respond_with(handler, 500)
    responses.append(as_alice.post(path, sent, **{"Idempotency-Key": "one"}))
    assert [response.status_code // 100 for response in responses] == [2, 2], responses[1].content
    assert (Job.objects.count(), len(host.requests)) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_no_transaction_and_no_connection_is_open_during_a_fetch(ask: Any, host: Receiver) -> None:
    seen = []

    def record_connections(handler: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend' AND state <> 'idle'"
            )
            seen.append((cursor.fetchone()[0], asking.connection is None))
        connection.close()
        respond_with(handler, 200, png())

    asking = connections["default"]
    host.respond = record_connections
    assert ask(host.url).status_code == 202
    assert seen == [(0, True)]


@pytest.mark.django_db(transaction=True)
def test_concurrent_fetches_are_limited(ask: Any, host: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        source_images,
        "_FETCH_LIMITER",
        ConcurrencyLimiter("fetches", work=Message("images being fetched"), process_limit=1),
    )
    refusals = []

    def ask_in_thread() -> None:
        refusals.append(ask(host.url))
        connection.close()

    def ask_another(handler: Any) -> None:
        thread = threading.Thread(target=ask_in_thread)
        thread.start()
        thread.join()
        respond_with(handler, 200, png())

    host.respond = ask_another
    assert ask(host.url).status_code == 202
    assert (refusals[0].status_code, refusals[0]["Retry-After"]) == (503, "2")
    host.respond = lambda handler: respond_with(handler, 200, png())
    assert ask(host.url).status_code == 202


def test_the_description_has_the_field_only_if_it_is_enabled(client: Client, db: None, settings: Settings) -> None:
    def bodies() -> Any:
        schema = client.get("/v1/openapi.json").json()
        content = schema["paths"]["/v1/videos"]["post"]["requestBody"]["content"]
        names = [body["schema"]["$ref"].rpartition("/")[2] for body in content.values()]
        return [schema["components"]["schemas"][name]["properties"] for name in names]

    assert not any("image_url" in fields for fields in bodies())
    settings.IMAGE_URL_FETCH_ENABLED = True
    found = bodies()
    assert len(found) == 2
    assert all("fetched at once" in fields["image_url"]["description"] for fields in found)


@pytest.mark.django_db(transaction=True)
@pytest.mark.process
def test_slow_images_of_a_team_do_not_block_all_processes(
    web_processes: Callable[..., WebProcesses],
    alice: Person,
    charlie: Person,
    body: Callable[..., dict[str, Any]],
    host: Receiver,
) -> None:
    """Slow images of a team occupy only one of two processes, which handle one request at a time."""
    environment = dict.fromkeys(
        ("IMAGE_URL_FETCH_ENABLED", "IMAGE_URL_FETCH_ALLOW_HTTP", "IMAGE_URL_FETCH_ALLOW_LOOPBACK"), "1"
    )
    limits = {"IMAGE_URL_FETCH_CONCURRENCY_PER_TEAM": "1", "IMAGE_URL_FETCH_TIMEOUT_SECONDS": "60"}
    web = web_processes(2, **environment, **limits)
    go_on, asked = threading.Event(), threading.Event()

    def slowly(handler: Any) -> None:
        if handler.path == "/slow":
            asked.set()
            go_on.wait(60)
        respond_with(handler, 200, png())

    # Creating a key uses the database: not in the thread, whose connection nobody would close.
    alices, charlies = alice.headers, charlie.headers

    def ask(headers: dict[str, str], path: str) -> Any:
        with web.client(headers) as client:
            return client.post("/v1/videos", json=body(image_base64=..., image_url=host.url + path))

    host.respond = slowly
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(ask, alices, "/slow")
        try:
            assert asked.wait(60)
            refused = ask(alices, "/")
            other = ask(charlies, "/")
        finally:
            go_on.set()
        assert slow.result().status_code == 202
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["scope"], error["limit"]) == (429, "too_many_at_once", "team", 1)
    assert refused.headers["Retry-After"] == "2"
    assert other.status_code == 202
    assert ask(alices, "/").status_code == 202
    assert Job.objects.filter(team=alice.team).count() == 2


def test_a_batch_fetches_each_url_once(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]], host: Receiver
) -> None:
    """Also with fail_fast, which checks all requests first: an image may be missing at a second fetch."""

    def once(handler: Any) -> None:
        served = sum(received.path == handler.path for received in host.requests)
        respond_with(
            handler, 200, png(color="red" if handler.path == "/b" else "blue")
        ) if served == 1 else respond_with(handler, 404)

    host.respond = once
    paths = ("/a", "/b", "/a", "/b", "/a")
    requests = [body(image_base64=..., image_url=host.url + path) for path in paths]
    response = as_alice.post("/v1/batches", {"on_error": "fail_fast", "requests": requests})
    assert response.status_code == 202, response.content
    assert sorted(received.path for received in host.requests) == ["/a", "/b"]
    stored: dict[str, set[Any]] = {}
    for path, job in zip(paths, Job.objects.order_by("id"), strict=True):
        stored.setdefault(path, set()).add(load_file(job.source_key))
    assert [len(pictures) for pictures in stored.values()] == [1, 1]
    assert stored["/a"] != stored["/b"]


def test_images_beyond_the_cache_are_fetched_again(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]], host: Receiver, settings: Settings
) -> None:
    settings.MAX_BATCH_BODY_BYTES = 100
    requests = [body(image_base64=..., image_url=host.url) for _ in range(2)]
    assert as_alice.post("/v1/batches", {"requests": requests}).json()["counts"]["queued"] == 2
    assert len(host.requests) == 2


def test_a_batch_waits_for_the_team_s_limit(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]], host: Receiver, settings: Settings
) -> None:
    settings.IMAGE_URL_FETCH_CONCURRENCY_PER_TEAM = 0
    requests = [body(), body(image_base64=..., image_url=host.url)]
    key = {"Idempotency-Key": "order-17"}
    refused = as_alice.post("/v1/batches", {"requests": requests, "on_error": "fail_fast"}, **{"Idempotency-Key": "2"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_at_once")
    paused = as_alice.post("/v1/batches", {"requests": requests}, **key).json()["counts"]
    assert paused["pending"] == 1
    settings.IMAGE_URL_FETCH_CONCURRENCY_PER_TEAM = 1
    went_on = as_alice.post("/v1/batches", {"requests": requests}, **key).json()["counts"]
    assert (went_on["pending"], Job.objects.count()) == (0, 2)


_SETTINGS = {"prompt": "the camera pans left", "num_frames": 8, "resolution": "256p"}
_BODIES: dict[str, Callable[[str], dict[str, Any]]] = {
    "/v1/videos": lambda text: {"image_base64": text, **_SETTINGS},
    "/replicate/v1/predictions": lambda text: {"version": "mutoscope/camera", "input": {"image": text, **_SETTINGS}},
    "/fal/queue/mutoscope/camera": lambda text: {"image_url": text, **_SETTINGS},
    "/v1/batches": lambda text: {"images": {"photo": text}, "requests": [{"image_name": "photo", **_SETTINGS}]},
}
_DATA_URI_HEADER = "data:image/jpeg;base64,"
_BASE64 = base64.b64encode(CAT.read_bytes()).decode()


@pytest.fixture(params=_BODIES)
def send_base64(request: pytest.FixtureRequest, as_alice: ApiClient) -> Callable[[str], str]:
    """Return a function that sends text as the image, and returns the error; an empty text if there is a video."""

    def send(text: str) -> str:
        response = as_alice.post(request.param, _BODIES[request.param](text))
        if response.status_code >= 400:
            return str(response.content.decode())
        [item] = response.json().get("items", [{}])
        return str(item.get("error") or "")

    return send


def test_every_form_of_base64_is_the_same_image(send_base64: Callable[[str], str]) -> None:
    url_safe = base64.urlsafe_b64encode(CAT.read_bytes()).decode()
    assert {"-", "_", "="} < {*url_safe}
    lines = base64.encodebytes(CAT.read_bytes()).decode()
    forms = [_BASE64, _DATA_URI_HEADER + _BASE64, url_safe, _BASE64.rstrip("="), url_safe.rstrip("="), lines]
    assert [send_base64(text) for text in forms] == [""] * len(forms)
    assert Job.objects.count() == len(forms)
    assert len({load_file(key) for key in Job.objects.values_list("source_key", flat=True)}) == 1


def test_damaged_base64_is_never_another_image(send_base64: Callable[[str], str]) -> None:
    assert "contains spaces" in send_base64(_BASE64.replace("+", " "))
    assert "contains spaces" in send_base64(_DATA_URI_HEADER + _BASE64.replace("+", " "))
    assert "not valid base64" in send_base64(_DATA_URI_HEADER * 2 + _BASE64)
    assert "not valid base64" in send_base64(_BASE64.replace("+", "*"))
    assert "data URI is not base64" in send_base64("data:image/jpeg," + _BASE64)
    assert not Job.objects.exists()


@pytest.mark.parametrize("around", ["", "A"])
def test_millions_of_spaces_take_little_processor_time(around: str, send_base64: Callable[[str], str]) -> None:
    text = around + " " * 15_000_000 + around
    began = time.thread_time()
    assert send_base64(text)
    assert time.thread_time() - began < 2
    assert not Job.objects.exists()
