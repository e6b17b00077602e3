"""POST /v1/videos: accepted and rejected requests. A rejected request writes nothing."""

import base64
import io
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from django.core.files.storage import FileSystemStorage, default_storage
from django.test import Client
from PIL import Image
from pytest_django.fixtures import Settings

from accounts.quota.models import LedgerEntry
from accounts.roles import Scope
from jobs.models import Job, JobEvent
from tests.support.api_client import ApiClient
from tests.support.images import png
from tests.support.people import Person


def test_a_submit_reserves_credits_and_wakes_a_worker(
    as_alice: ApiClient, alice: Person, body: Callable[..., dict[str, Any]], django_capture_on_commit_callbacks: Any
) -> None:
    from common.redis_client import redis_client

    with django_capture_on_commit_callbacks(execute=True):
        response = as_alice.post("/v1/videos", body(seed=7, metadata={"shot": "12"}))
    assert response.status_code == 202
    video = response.json()
    assert response["Location"].endswith(f"/v1/videos/{video['id']}")
    assert response["Retry-After"] == "1"
    assert (video["object"], video["status"], video["progress"]) == ("video", "queued", 0)
    assert (video["resolution"], video["num_frames"], video["fps"], video["steps"]) == ("256p", 8, 8, None)
    assert (video["seed"], video["metadata"], video["seconds"]) == (7, {"shot": "12"}, "1")
    assert video["size"] == "288x216"  # 96 x 64 is nearest to 4:3
    job = Job.objects.get()
    assert alice.wallet.reserved == job.quoted_credits == video["usage"]["credits_reserved"] > 0
    assert list(LedgerEntry.objects.filter(job_id=job.id).values_list("kind", flat=True)) == ["reserve"]
    assert list(JobEvent.objects.values_list("kind", flat=True)) == ["queued"]
    with default_storage.open(job.source_key) as file:
        assert Image.open(file).size == (96, 64)
    assert redis_client().llen("rq:queue:pool.cpu") == 1


def test_multipart_with_the_field_names_of_openai(alice: Person, client: Client, db: None) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (64, 64)).save(picture, "WEBP")
    picture.seek(0)
    picture.name = "still.webp"
    form = {"input_reference": picture, "prompt": "zoom in", "size": "512x512", "seconds": "2", "fps": "8"}
    response = client.post("/v1/videos", form, headers=alice.headers)
    assert response.status_code == 202, response.content
    assert (response.json()["size"], response.json()["num_frames"]) == ("512x512", 16)


def test_a_random_seed_is_exact_in_javascript(as_alice: ApiClient, body: Callable[..., dict[str, Any]]) -> None:
    seeds = [as_alice.post("/v1/videos", body()).json()["seed"] for _ in range(4)]
    assert len(set(seeds)) == 4
    assert max(seeds) < 2**53


@pytest.mark.usefixtures("i2vgen_xl")
def test_presets_are_defaults_of_missing_fields(as_alice: ApiClient, body: Callable[..., dict[str, Any]]) -> None:
    video = as_alice.post("/v1/videos", body(preset="high", resolution=..., num_frames=..., steps=33)).json()
    assert (video["resolution"], video["num_frames"], video["steps"]) == ("768p", 24, 33)
    assert video["guidance_scale"] == 10.0
    video = as_alice.post("/v1/videos", body(preset="batch")).json()
    assert video["priority"] == "low"


def _bomb() -> bytes:
    """Return a PNG of 10 kB whose header declares 30,000 x 30,000 pixels."""
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 3751 * 2_000, 9)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _animation() -> bytes:
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (32, 32), color) for color in ("red", "blue")]
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def _scans() -> bytes:
    """Return a JPEG with a scan repeated 1,000 times. The decoder processes the whole image for each scan."""
    buffer = io.BytesIO()
    Image.new("L", (512, 512)).save(buffer, "JPEG", progressive=True)
    raw = buffer.getvalue()
    start, end = raw.rindex(b"\xff\xda"), raw.rindex(b"\xff\xd9")
    return raw[:end] + raw[start:end] * 1000 + raw[end:]


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "no picture": ({"image_base64": ...}, 422, "image_base64"),
    "no prompt": ({"prompt": ...}, 422, "prompt"),
    "empty prompt": ({"prompt": "  "}, 422, "prompt"),
    "long prompt": ({"prompt": "x" * 1001}, 422, "prompt"),
    "prompt of another type": ({"prompt": 12}, 422, "prompt"),
    "NUL": ({"prompt": "a\0b"}, 422, "prompt"),
    "half of a surrogate pair": ({"prompt": "a\ud800b"}, 422, "prompt"),
    "unknown field": ({"framez": 3}, 422, "framez"),
    "too few frames": ({"num_frames": 7}, 422, "num_frames"),
    "too many frames": ({"num_frames": 33}, 422, "num_frames"),
    "frames as words": ({"num_frames": "many"}, 422, "num_frames"),
    "frames as truth": ({"num_frames": True}, 422, "num_frames"),
    "half a frame": ({"num_frames": 8.5}, 422, "num_frames"),
    "slow": ({"fps": 3}, 422, "fps"),
    "fast": ({"fps": 25}, 422, "fps"),
    "few steps": ({"steps": 9}, 422, "steps"),
    "many steps": ({"steps": 101}, 422, "steps"),
    "steps twice": ({"steps": 20, "num_inference_steps": 20}, 422, "num_inference_steps"),
    "guidance": ({"guidance_scale": 20.5}, 422, "guidance_scale"),
    "negative seed": ({"seed": -1}, 422, "seed"),
    "huge seed": ({"seed": 2**63}, 422, "seed"),
    "resolution": ({"resolution": "4k"}, 422, "resolution"),
    "aspect": ({"aspect_ratio": "2:1"}, 422, "aspect_ratio"),
    "size and resolution": ({"size": "512x512"}, 422, "resolution"),
    "odd size": ({"size": "500x501", "resolution": ...}, 422, "size"),
    "huge size": ({"size": "4096x4096", "resolution": ...}, 422, "size"),
    "seconds": ({"seconds": "60", "num_frames": ...}, 422, "seconds"),
    "format": ({"output_format": "avi"}, 422, "output_format"),
    "model": ({"model": "sora"}, 422, "model"),
    "preset": ({"preset": "ultra"}, 422, "preset"),
    "priority": ({"priority": "urgent"}, 422, "priority"),
    "preset that is no text": ({"preset": "\ud800"}, 422, "preset"),
    "endless preset": ({"preset": "x" * 1_000_000}, 422, "preset"),
    "surrogate as a name": ({"\ud800": 1}, 422, "?"),
    "surrogate in metadata": ({"metadata": {"\ud800": "x"}}, 422, "metadata"),
    "number of 5,000 digits": ({"seed": int("9" * 4000)}, 400, "The body"),
    "narrow picture": ({"image_base64": base64.b64encode(png(2048, 2)).decode()}, 415, "image_base64"),
    "scans": ({"image_base64": base64.b64encode(_scans()).decode()}, 415, "image_base64"),
    "nested metadata": ({"metadata": {"a": {"b": 1}}}, 422, "metadata"),
    "much metadata": ({"metadata": {str(n): "x" for n in range(17)}}, 422, "metadata"),
    "broken base64": ({"image_base64": "@@@"}, 422, "image_base64"),
    "text as a picture": ({"image_base64": base64.b64encode(b"just text").decode()}, 415, "image_base64"),
    "bomb": ({"image_base64": base64.b64encode(_bomb()).decode()}, 413, "image_base64"),
    "animation": ({"image_base64": base64.b64encode(_animation()).decode()}, 415, "image_base64"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("path", ["/v1/videos", "/v1/generate"])
def test_invalid_requests_are_rejected_by_field_and_write_nothing(
    case: Any,
    path: str,
    as_alice: ApiClient,
    alice: Person,
    body: Callable[..., dict[str, Any]],
    tmp_path: Path,
    settings: Settings,
) -> None:
    settings.GENERATE_RATE_LIMIT = "1000/minute"
    changes, status, field = REFUSED[case]
    before = _stored_files()
    started = time.process_time()
    response = as_alice.post(path, body(**changes))
    assert time.process_time() - started < 5  # a hang, not a benchmark
    assert response.status_code == status, response.content
    if path == "/v1/videos":
        error = response.json()["error"]
        if status != 400:  # a body that cannot be parsed has no fields yet
            assert error["param"] == field
            assert error["details"][0]["loc"][0] == field
        assert error["request_id"] == response["X-Request-Id"]
        message = error["message"]
    else:
        assert response.json()["status"] == "failed"
        assert response.json()["code"] == "INVALID_ARGUMENT"
        message = response.json()["error"]
    assert message.startswith(field)
    assert len(response.content) < 5_000
    assert not Job.objects.exists()
    assert (alice.wallet.balance, alice.wallet.reserved) == (1000, 0)
    assert LedgerEntry.objects.count() == 1  # the starting credits
    assert _stored_files() == before


def _stored_files() -> int:
    from pathlib import Path

    storage = cast(FileSystemStorage, default_storage)
    return sum(1 for path in Path(storage.location).rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b'"text"',
        b'{"fps": NaN}',
        b'{"fps": Infinity}',
        b'{"a": 1, "a": 2}',
        b"\xff\xfe{}",
        b'{"seed": ' + b"9" * 5000 + b"}",
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"[" * 100_000,
    ],
    ids=["cut", "list", "string", "NaN", "Infinity", "twice", "not UTF-8", "long number", "deep", "deep list"],
)
def test_a_body_that_is_not_a_json_object_is_malformed(raw: Any, as_alice: ApiClient) -> None:
    started = time.process_time()
    response = as_alice.post("/v1/videos", raw)
    assert time.process_time() - started < 5  # a hang, not a benchmark
    assert response.status_code == 400, response.content[:200]
    assert response.json()["error"]["code"] == "malformed_body"
    assert not Job.objects.exists()


def test_other_content_types_and_oversize_bodies_have_their_own_errors(
    alice: Person, client: Client, settings: Settings
) -> None:
    response = client.post("/v1/videos", b"prompt=x", content_type="text/plain", headers=alice.headers)
    assert (response.status_code, response.json()["error"]["code"]) == (415, "unsupported_media_type")
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    response = client.post(
        "/v1/videos", b"{" + b" " * 200 + b"}", content_type="application/json", headers=alice.headers
    )
    assert (response.status_code, response.json()["error"]["code"]) == (413, "body_too_large")
    response = client.post("/v1/videos", {"prompt": "x", "image": io.BytesIO(b"x" * 200)}, headers=alice.headers)
    assert (response.status_code, response.json()["error"]["code"]) == (413, "body_too_large")


def test_insufficient_credits(as_alice: ApiClient, alice: Person, body: Callable[..., dict[str, Any]]) -> None:
    from accounts.quota.models import Wallet

    Wallet.objects.filter(team=alice.team).update(balance=0)
    response = as_alice.post("/v1/videos", body())
    assert response.status_code == 429
    error = response.json()["error"]
    assert (error["code"], error["scope"], error["remaining"]) == ("quota_exceeded", "team", 0)
    assert not Job.objects.exists()
    assert as_alice.post("/v1/generate", body()).json()["code"] == "QUOTA_EXCEEDED"


def test_who_may_submit(
    as_bob: ApiClient,
    as_nobody: ApiClient,
    limited_key: Callable[[Scope], ApiClient],
    body: Callable[..., dict[str, Any]],
) -> None:
    assert as_nobody.post("/v1/videos", body()).status_code == 401
    assert as_bob.post("/v1/videos", body()).status_code == 403
    response = limited_key(Scope.VIDEOS_READ).post("/v1/videos", body())
    assert (response.status_code, response.json()["error"]["code"]) == (403, "missing_scope")
    assert limited_key(Scope.VIDEOS_WRITE).post("/v1/videos", body()).status_code == 202


@pytest.mark.parametrize("path", ["/v1/videos/{}/remix", "/v1/generate"])
def test_all_endpoints_that_create_videos_accept_a_deadline(
    path: str, as_alice: ApiClient, body: Callable[..., dict[str, Any]], submit: Callable[..., Job]
) -> None:
    path = path.format(submit().public_id)
    sent = {"prompt": "other"} if "remix" in path else body()
    assert as_alice.post(path, sent, **{"Cancel-After": "soon"}).status_code == 422
    assert as_alice.post(path, sent, **{"Cancel-After": "60", "Prefer": "wait=0"}).status_code == 202
    assert Job.objects.latest("created_at").deadline_at is not None


def test_a_deadline_is_read_from_the_header(as_alice: ApiClient, body: Callable[..., dict[str, Any]]) -> None:
    response = as_alice.post("/v1/videos", body(), **{"Cancel-After": "60"})
    job = Job.objects.get(pk=response.json()["id"].removeprefix("vid_"))
    assert job.deadline_at is not None
    assert 55 < (job.deadline_at - job.created_at).total_seconds() < 65
    response = as_alice.post("/v1/videos", body(), **{"Cancel-After": "soon"})
    assert (response.status_code, response.json()["error"]["param"]) == (422, "Cancel-After")


def test_insufficient_gpu_memory(
    as_alice: ApiClient, alice: Person, body: Callable[..., dict[str, Any]], settings: Settings, db: None
) -> None:
    from django.utils import timezone

    from jobs.models import Worker

    settings.MODELS_ENABLED = ["camera", "i2vgen-xl"]
    Worker.objects.create(
        name="w", pool="gpu", model="i2vgen-xl", device="cuda:0", vram_total_mb=16_384, last_heartbeat_at=timezone.now()
    )
    large = body(model="i2vgen-xl", resolution="1024p", num_frames=32)
    response = as_alice.post("/v1/videos", large)
    assert (response.status_code, response.json()["error"]["code"]) == (422, "gpu_memory_impossible")
    suggestion = response.json()["error"]["suggestions"][0]
    response = as_alice.post("/v1/generate", large)
    assert (response.status_code, response.json()["code"]) == (429, "RESOURCE_EXHAUSTED")
    assert as_alice.post("/v1/videos", body(model="i2vgen-xl", **suggestion)).status_code == 202


def test_api_errors_are_in_english_for_any_accept_language(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]], client: Client
) -> None:
    """Programs receive all messages in one language, including those of the framework."""
    client.get("/accounts/login/", headers={"Accept-Language": "zh-hans"})  # the last active language of this thread
    for address in ("/v1/videos", "/v1/generate"):
        response = as_alice.post(address, body(prompt="", steps=0, fps="x"), **{"Accept-Language": "zh-hans"})
        assert response.status_code == 422
        assert response.content.isascii()
        assert "Content-Language" not in response
