"""Pictures by address: fetched where the operator allows it, from public addresses, within bounds; else a 422."""

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.test import Client

from common.concurrency import ConcurrencyLimiter
from common.messages import Message
from jobs.models import Job
from jobs.videos import source_images
from tests.support.images import png
from tests.support.ports import own_port
from tests.support.webhook_receiver import Receiver, receiving, say


@pytest.fixture
def allowed(settings) -> None:
    settings.IMAGE_URL_FETCH_ENABLED = settings.IMAGE_URL_FETCH_ALLOW_HTTP = True


@pytest.fixture
def host(settings, allowed) -> Iterator[Receiver]:
    """A host of pictures on loopback, from where the guard lets them be fetched in this test."""
    settings.IMAGE_URL_FETCH_ALLOW_LOOPBACK = True
    with receiving() as there:
        there.answer = lambda handler: say(handler, 200, png(), **{"Content-Type": "image/png"})
        yield there


@pytest.fixture
def ask(as_alice, body):
    """The answer to a submit whose picture lies at an address."""

    def submit(url: str, path: str = "/v1/videos", **headers: str):
        return as_alice.post(path, body(image_base64=..., image_url=url), **headers)

    return submit


def refused(answer) -> str:
    """What kind of complaint about `image_url` an answer is."""
    assert answer.status_code == 422, answer.content
    error = answer.json()["error"]
    assert (error["param"], error["details"][0]["loc"]) == ("image_url", ["image_url"])
    assert error["message"].startswith("image_url: ")
    assert not Job.objects.exists()
    return error["details"][0]["type"]


def test_off_unless_the_operator_allows_it(ask, as_alice, settings):
    assert not settings.IMAGE_URL_FETCH_ENABLED
    answer = ask("https://example.com/cat.png")
    assert refused(answer) == "not_allowed"
    assert "disabled on this site" in answer.json()["error"]["message"]
    legacy = ask("https://example.com/cat.png", "/generate")
    assert (legacy.status_code, legacy.json()["code"]) == (422, "INVALID_ARGUMENT")


def test_the_same_in_openai_s_words(as_alice, body, host, settings):
    reference = body(image_base64=..., input_reference={"image_url": host.url})
    assert as_alice.post("/v1/videos", reference).status_code == 202
    assert len(host.calls) == 1
    settings.IMAGE_URL_FETCH_ENABLED = False
    answer = as_alice.post("/v1/videos", reference)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["details"][0]["type"]) == (422, "input_reference", "not_allowed")
    assert (len(host.calls), Job.objects.count()) == (1, 1)


def test_a_picture_is_fetched_for_submit_quote_and_form(ask, as_alice, host):
    answer = ask(f"{host.url}/cat.png?size=large")
    assert answer.status_code == 202, answer.content
    [call] = host.calls
    assert call.path == "/cat.png?size=large"
    assert (call.headers["User-Agent"], call.headers["Accept-Encoding"]) == ("Mutoscope-Pictures/1", "identity")
    assert not {"Authorization", "X-API-Key", "Cookie"} & call.headers.keys()
    with default_storage.open(Job.objects.get().source_key) as file:
        assert file.read(4) == b"\x89PNG"
    assert ask(host.url, "/v1/videos/quote").json()["credits"] >= 1
    form = {"image_url": host.url, "prompt": "x", "num_frames": "8", "resolution": "256p"}
    answer = as_alice.client.post("/v1/videos", form, headers=as_alice.headers)
    assert answer.status_code == 202, answer.content
    assert len(host.calls) == 3


def test_what_the_other_side_says_of_its_bytes_is_not_believed(ask, host):
    host.answer = lambda handler: say(handler, 200, png(), **{"Content-Type": "text/html"})
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
def test_what_is_no_picture_of_ours(content, kind, ask, host):
    host.answer = lambda handler: say(handler, 200, content, **{"Content-Type": "image/png"})
    assert refused(ask(host.url)) == kind


@pytest.mark.parametrize(
    ("status", "kind"), [(500, "not_found"), (404, "not_found"), (204, "not_found"), (206, "not_found")]
)
def test_answers_that_are_no_success(status, kind, ask, host):
    host.answer = lambda handler: say(handler, status, b"")
    answer = ask(host.url)
    assert refused(answer) == kind
    assert str(status) in answer.json()["error"]["message"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status, ask, host):
    host.answer = lambda handler: say(handler, status, Location=f"{host.url}/elsewhere")
    assert refused(ask(host.url)) == "redirect"
    assert [call.path for call in host.calls] == ["/"]


def test_a_gigabyte_is_broken_off(ask, host, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 3_000_000
    sent = []

    def flood(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(1024):
                handler.wfile.write(b"x" * 1024 * 1024)
                sent.append(1)
        except OSError:
            return

    host.answer = flood
    answer = ask(host.url)
    assert refused(answer) == "too_large"
    assert "3 MB" in answer.json()["error"]["message"]
    assert len(sent) < 100


def test_what_drips_is_cut_off(ask, host, settings):
    settings.IMAGE_URL_FETCH_TIMEOUT_SECONDS = 1

    def drip(start: bytes):
        def answer(handler):
            handler.wfile.write(start)
            for _ in range(600):
                try:
                    handler.wfile.write(b"z")
                except OSError:
                    return
                time.sleep(0.1)

        return answer

    head = b"HTTP/1.1 200 OK\r\n"
    for start in (head + b"\r\n", head + b"Content-Length: 9999\r\n\r\n", head + b"X-Slow: "):
        host.answer = drip(start)
        began = time.monotonic()
        answer = ask(host.url)
        assert refused(answer) == "too_slow"
        assert "1 seconds" in answer.json()["error"]["message"]
        assert time.monotonic() - began < 30


def test_the_time_holds_for_the_look_at_the_name_as_well(ask, host, settings, monkeypatch):
    """A name server that does not answer keeps the system's resolver for half a minute, and nothing cuts it off."""
    settings.IMAGE_URL_FETCH_TIMEOUT_SECONDS = 0.5
    go_on, looked_up, resolve = threading.Event(), [], socket.getaddrinfo

    def slowly(name, *args, **kwargs):
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
    assert ask(host.url).status_code == 202  # the place is free again


def test_a_body_that_breaks_off(ask, host):
    def break_off(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + png()[:50])
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)

    host.answer = break_off
    assert refused(ask(host.url)) == "unreachable"


def test_hosts_that_are_not_there(ask, host, settings):
    assert refused(ask(f"http://127.0.0.1:{own_port()}/cat.png")) == "unreachable"
    assert refused(ask("https://no-such-host.invalid/cat.png")) == "unreachable"
    assert refused(ask(host.url.replace("http:", "https:"))) in {"certificate", "unreachable"}


def test_http_only_where_a_setting_says_so(ask, host, settings):
    settings.IMAGE_URL_FETCH_ALLOW_HTTP = False
    assert refused(ask(host.url)) == "not_https"
    assert refused(ask(host.url.replace("http:", "HTTP:"))) == "not_https"
    assert host.calls == []


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
def test_private_addresses_are_not_fetched(name, ask, allowed):
    with receiving() as there:
        port = there.url.rpartition(":")[2]
        for scheme in ("http", "https"):
            assert refused(ask(f"{scheme}://{name}:{port}/latest/meta-data/")) in {"private_address", "unreachable"}
        if name == "127.0.0.1":
            assert refused(ask(f"http://{name}:{port}/")) == "private_address"
        assert there.calls == []


def test_loopback_may_be_allowed_and_the_rest_stays_shut(ask, host):
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
        None,
    ],
)
def test_what_is_no_address(url, ask, allowed):
    assert refused(ask(url)) in {"malformed", "blank", "wrong_type", "not_text", "null", "max_length"}


def test_exactly_one_picture(as_alice, body, host):
    for other in ("image_base64", "image", "input_reference"):
        if other == "image_base64":
            answer = as_alice.post("/v1/videos", body(image_url=host.url))
        else:
            form = {"image_url": host.url, "prompt": "x", other: SimpleUploadedFile("cat.png", png(), "image/png")}
            answer = Client().post("/v1/videos", form, headers=as_alice.headers)
        error = answer.json()["error"]
        assert (answer.status_code, error["details"][0]["type"]) == (422, "conflict"), other
        assert {other, "image_url"} <= set(error["message"].replace(",", "").replace(":", "").split())
    answer = as_alice.post("/v1/videos", body(image_base64=...))
    assert (answer.status_code, answer.json()["error"]["details"][0]["type"]) == (422, "required")
    assert host.calls == []


def test_sent_again_it_is_not_fetched_again(ask, host):
    first = ask(host.url, **{"Idempotency-Key": "one"})
    assert first.status_code == 202
    host.answer = lambda handler: say(handler, 500)
    again = ask(host.url, **{"Idempotency-Key": "one"})
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    other = ask(f"{host.url}/other", **{"Idempotency-Key": "one"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_conflict")
    assert len(host.calls) == 1


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/replicate/v1/predictions", {"version": "mutoscope/camera", "input": {}}),
        ("/fal/queue/mutoscope/camera", {}),
    ],
)
def test_nor_in_the_words_of_others(path, sent, as_alice, host):
    wish = {"image_url": host.url, "prompt": "x", "num_frames": 8, "resolution": "256p"}
    sent = {**sent, "input": wish} if "input" in sent else wish
    answers = [as_alice.post(path, sent, **{"Idempotency-Key": "one"})]
    host.answer = lambda handler: say(handler, 500)
    answers.append(as_alice.post(path, sent, **{"Idempotency-Key": "one"}))
    assert [answer.status_code // 100 for answer in answers] == [2, 2], answers[1].content
    assert (Job.objects.count(), len(host.calls)) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_no_transaction_and_no_connection_waits_for_a_stranger(ask, host):
    seen = []

    def look(handler):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend' AND state <> 'idle'"
            )
            seen.append((cursor.fetchone()[0], asking.connection is None))
        connection.close()
        say(handler, 200, png())

    asking = connections["default"]
    host.answer = look
    assert ask(host.url).status_code == 202
    assert seen == [(0, True)]


@pytest.mark.django_db(transaction=True)
def test_fetches_are_few_at_once(ask, host, monkeypatch):
    monkeypatch.setattr(
        source_images,
        "_FETCH_LIMITER",
        ConcurrencyLimiter("fetches", work=Message("images being fetched"), process_limit=1),
    )
    refusals = []

    def ask_another(handler):
        thread = threading.Thread(target=lambda: (refusals.append(ask(host.url)), connection.close()))
        thread.start()
        thread.join()
        say(handler, 200, png())

    host.answer = ask_another
    assert ask(host.url).status_code == 202
    assert (refusals[0].status_code, refusals[0]["Retry-After"]) == (503, "2")
    host.answer = lambda handler: say(handler, 200, png())
    assert ask(host.url).status_code == 202


def test_the_description_names_it_where_it_is_allowed(client, db, settings):
    def bodies():
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
@pytest.mark.xdist_group("processes")
def test_a_team_leaves_processes_to_the_others(web_processes, alice, charlie, body, host):
    """Two that answer one call at a time: of these, one team's slow pictures keep one."""
    environment = dict.fromkeys(
        ("IMAGE_URL_FETCH_ENABLED", "IMAGE_URL_FETCH_ALLOW_HTTP", "IMAGE_URL_FETCH_ALLOW_LOOPBACK"), "1"
    )
    web = web_processes(2, **environment, IMAGE_URL_FETCH_CONCURRENCY_PER_TEAM="1")
    go_on, asked = threading.Event(), threading.Event()

    def slowly(handler):
        if handler.path == "/slow":
            asked.set()
            go_on.wait(60)
        say(handler, 200, png())

    def ask(person, path: str):
        with web.client(person.headers) as client:
            return client.post("/v1/videos", json=body(image_base64=..., image_url=host.url + path))

    host.answer = slowly
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(ask, alice, "/slow")
        try:
            assert asked.wait(60)
            refused = ask(alice, "/")
            other = ask(charlie, "/")
        finally:
            go_on.set()
        assert slow.result().status_code == 202
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["scope"], error["limit"]) == (429, "too_many_at_once", "team", 1)
    assert refused.headers["Retry-After"] == "2"
    assert other.status_code == 202
    assert ask(alice, "/").status_code == 202
    assert Job.objects.filter(team=alice.team).count() == 2


def test_a_batch_fetches_each_address_once(as_alice, body, host):
    """Also where all requests are looked at before the first is taken; what is there then may not be there later."""

    def once(handler):
        served = sum(call.path == handler.path for call in host.calls)
        say(handler, 200, png(colour="red" if handler.path == "/b" else "blue")) if served == 1 else say(handler, 404)

    host.answer = once
    paths = ("/a", "/b", "/a", "/b", "/a")
    requests = [body(image_base64=..., image_url=host.url + path) for path in paths]
    answer = as_alice.post("/v1/batches", {"on_error": "fail_fast", "requests": requests})
    assert answer.status_code == 202, answer.content
    assert sorted(call.path for call in host.calls) == ["/a", "/b"]
    stored = {}
    for path, job in zip(paths, Job.objects.order_by("id"), strict=True):
        with default_storage.open(job.source_key) as file:
            stored.setdefault(path, set()).add(file.read())
    assert [len(pictures) for pictures in stored.values()] == [1, 1]
    assert stored["/a"] != stored["/b"]


def test_what_is_too_much_to_be_kept_is_fetched_again(as_alice, body, host, settings):
    settings.MAX_BATCH_BODY_BYTES = 100
    requests = [body(image_base64=..., image_url=host.url) for _ in range(2)]
    assert as_alice.post("/v1/batches", {"requests": requests}).json()["counts"]["queued"] == 2
    assert len(host.calls) == 2


def test_a_batch_waits_for_its_team_s_share(as_alice, body, host, settings):
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
