"""OpenAI's own SDK against /v1: only base URL and key are changed."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from accounts.models import ApiKey
from accounts.quota.models import Wallet
from jobs.models import Job
from jobs.queue.cancel import cancel_job
from tests.support.images import CAT
from tests.support.people import Person

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # The SDK warns about the service that it was written for.
    pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning"),
]

SMALL: dict[str, Any] = {"prompt": "the camera pans left", "model": "camera", "seconds": "1", "size": "256x256"}


@pytest.fixture
def client(plain_portal: str, alice: Person) -> Any:
    with OpenAI(base_url=f"{plain_portal}/v1", api_key=alice.key) as made:
        yield made


def test_a_video_is_generated_and_downloaded(client: OpenAI, camera: Any) -> None:
    with CAT.open("rb") as file:
        video = client.videos.create_and_poll(input_reference=file, **SMALL)
    assert (video.status, video.error, video.progress) == ("completed", None, 100)
    assert (video.object, video.model, video.seconds, video.size) == ("video", "camera", "1", "256x256")
    assert client.videos.download_content(video.id).read()[4:8] == b"ftyp"
    assert client.videos.download_content(video.id, variant="thumbnail").read()[:2] == b"\xff\xd8"
    assert client.videos.download_content(video.id, variant="spritesheet").read()[:2] == b"\xff\xd8"
    again = client.videos.remix(video.id, prompt="the camera zooms out")
    assert (again.prompt, again.status, again.size) == ("the camera zooms out", "queued", "256x256")
    assert (again.remixed_from_video_id, video.remixed_from_video_id) == (video.id, None)
    # Its own argument accepts only files, whatever its type says.
    reference = {"video": {"id": video.id}}
    longer = client.videos.extend(prompt="the camera tilts", seconds="1", video=openai.omit, extra_body=reference)  # type: ignore[arg-type]
    assert (longer.status, longer.seconds, longer.remixed_from_video_id) == ("queued", "1.875", None)
    gone = client.videos.delete(video.id)
    assert (gone.id, gone.object, gone.deleted) == (video.id, "video.deleted", True)


def test_asynchronously(plain_portal: str, alice: Person, camera: Any) -> None:
    key = alice.key  # created by the first use, which must not be in a coroutine

    async def use() -> tuple[Any, bytes, list[str]]:
        async with AsyncOpenAI(base_url=f"{plain_portal}/v1", api_key=key) as client:
            video = await client.videos.create_and_poll(input_reference=CAT, **SMALL)
            content = await client.videos.download_content(video.id)
            return video, content.read(), [listed.id async for listed in client.videos.list()]

    video, content, listed = asyncio.run(use())
    assert (video.status, content[4:8], listed) == ("completed", b"ftyp", [video.id])


def test_lists_are_paged_automatically(client: OpenAI) -> None:
    made = [client.videos.create(input_reference=CAT, **SMALL).id for _ in range(5)]
    assert [video.id for video in client.videos.list(limit=2)] == made[::-1]
    assert [video.id for video in client.videos.list(limit=2, order="asc")] == made


def send(client: OpenAI, how: str, reference: Any, **fields: Any) -> openai.types.Video:
    """Bypass the SDK's own argument, which accepts only files, whatever its type says."""
    if how == "form":
        return client.videos.create(extra_body={"input_reference": reference}, **fields)
    return client.post("/videos", body={"input_reference": reference, **fields}, cast_to=openai.types.Video)


@pytest.mark.parametrize("how", ["form", "json"])
def test_an_image_as_an_object(client: OpenAI, how: str) -> None:
    inline = f"data:image/jpeg;base64,{base64.b64encode(CAT.read_bytes()).decode()}"
    once = client.with_options(default_headers={"Idempotency-Key": "order-17"}, max_retries=0)
    made = send(once, how, {"image_url": inline}, **SMALL)
    assert (made.status, made.size) == ("queued", "256x256")
    assert send(once, how, {"image_url": inline}, **SMALL).id == made.id
    with pytest.raises(openai.ConflictError):
        send(once, how, {"image_url": inline}, **SMALL | {"prompt": "another"})
    assert Job.objects.count() == 1


REFERENCES: list[tuple[Any, str]] = [
    ({"file_id": "file-abc"}, "file_id is not supported"),
    ({"image_url": "https://10.0.0.1/cat.png"}, "private network"),
    ({"image_url": "cat.png"}, "complete URL"),
    ({"image_url": "data:image/png;base64,???"}, "not valid base64"),
    ({"image_url": "data:image/png;base64,AAAA"}, "not a PNG, JPEG, WebP, HEIC or AVIF"),
]


@pytest.mark.parametrize("how", ["form", "json"])
@pytest.mark.parametrize(("reference", "why"), REFERENCES)
def test_objects_without_a_valid_image(client: OpenAI, reference: Any, why: str, how: str) -> None:
    with pytest.raises(openai.APIStatusError, match=why) as refused:
        send(client, how, reference, **SMALL)
    assert refused.value.status_code in {415, 422}


@pytest.mark.parametrize("reference", [{}, [], 7, "cat.png", {"image_url": None}, {"image_url": 7}, {"image_url": {}}])
def test_invalid_objects(client: OpenAI, reference: Any) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        send(client, "json", reference, **SMALL)
    assert refused.value.param == "input_reference"
    with pytest.raises(openai.UnprocessableEntityError, match="not both"):
        send(client, "json", {"image_url": "data:image/png;base64,AAAA"}, image_base64="AAAA", **SMALL)


@pytest.mark.parametrize(("end", "status"), [("cancel", "canceled"), ("expire", "expired")])
def test_polling_ends_with_states_that_openai_lacks(client: OpenAI, end: str, status: str) -> None:
    video = client.videos.create(input_reference=CAT, **SMALL)
    job = Job.objects.get()
    if end == "cancel":
        cancel_job(job=job)
    else:
        Job.objects.update(state="expired", finished_at=job.created_at)
    assert client.videos.poll(video.id).status == status


def test_the_response_says_when_to_poll_again(client: OpenAI) -> None:
    video = client.videos.create(input_reference=CAT, **SMALL)
    waiting = client.videos.with_raw_response.retrieve(video.id)
    assert int(waiting.headers["openai-poll-after-ms"]) >= 500
    cancel_job(job=Job.objects.get())
    assert "openai-poll-after-ms" not in client.videos.with_raw_response.retrieve(video.id).headers


def test_models(client: OpenAI) -> None:
    [model] = client.models.list().data
    assert (model.id, model.object, model.owned_by) == ("camera", "model", "mutoscope")
    assert model.created > 0
    assert client.models.retrieve("camera") == client.models.retrieve("sora-2") == model
    with pytest.raises(openai.NotFoundError, match=r"'sora-9'.*camera"):
        client.models.retrieve("sora-9")


def test_a_length_lowers_the_default_fps(client: OpenAI) -> None:
    video = client.videos.create(input_reference=CAT, **SMALL | {"seconds": "8"})
    assert (video.seconds, Job.objects.get().fps) == ("8", 4)
    with pytest.raises(openai.UnprocessableEntityError, match="12 s at 8 fps"):
        client.videos.create(input_reference=CAT, **SMALL | {"seconds": "12"})
    with pytest.raises(openai.UnprocessableEntityError, match="8 s at 8 fps"):
        client.videos.create(input_reference=CAT, extra_body={"fps": 8}, **SMALL | {"seconds": "8"})


def test_the_user_is_ignored(client: OpenAI) -> None:
    once = client.with_options(default_headers={"Idempotency-Key": "order-18"})
    made = [once.videos.create(input_reference=CAT, extra_body={"user": name}, **SMALL).id for name in ("a", "b")]
    assert made[0] == made[1]


def test_an_alias_of_a_model(client: OpenAI) -> None:
    video = client.videos.create(input_reference=CAT, **SMALL | {"model": "sora-2"})
    assert video.model == "camera"


REFUSALS: dict[str, tuple[Callable[[OpenAI], Any], type[openai.APIStatusError], str]] = {
    "key": (lambda c: c.with_options(api_key="mts_wrong").videos.list(), openai.AuthenticationError, "invalid_key"),
    "absent": (lambda c: c.videos.retrieve("vid_" + "0" * 32), openai.NotFoundError, "not_found"),
    "no image": (lambda c: c.videos.create(**SMALL), openai.UnprocessableEntityError, "invalid_field"),
    "model": (
        lambda c: c.videos.create(input_reference=CAT, **SMALL | {"model": "sora-9"}),
        openai.UnprocessableEntityError,
        "invalid_field",
    ),
    "size": (
        lambda c: c.videos.create(input_reference=CAT, **SMALL | {"size": "9x9"}),
        openai.UnprocessableEntityError,
        "invalid_field",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_errors_are_those_of_the_sdk(client: OpenAI, case: str) -> None:
    call, kind, code = REFUSALS[case]
    with pytest.raises(kind) as refused:
        call(client)
    assert refused.value.code == code
    body: Any = refused.value.body
    assert body["message"]
    assert refused.value.request_id


def test_the_error_for_an_unknown_model_lists_the_known_ones(client: OpenAI) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match=r"'sora-9'.*camera"):
        client.videos.create(input_reference=CAT, **SMALL | {"model": "sora-9"})


def test_content_that_is_not_ready_is_a_conflict(client: OpenAI) -> None:
    video = client.videos.create(input_reference=CAT, **SMALL)
    with pytest.raises(openai.ConflictError) as refused:
        client.videos.download_content(video.id)
    assert refused.value.code == "not_ready"
    assert refused.value.request.headers["x-stainless-retry-count"] == "0"


def test_the_rate_limit_applies(client: OpenAI, alice: Person) -> None:
    ApiKey.objects.filter(team=alice.team).update(requests_per_minute=2)
    limited = client.with_options(max_retries=0)
    limited.models.list()
    limited.models.list()
    with pytest.raises(openai.RateLimitError) as refused:
        limited.models.list()
    assert refused.value.code == "rate_limited"
    assert 0 < int(refused.value.response.headers["Retry-After"]) <= 60


def test_the_team_s_quota_applies(client: OpenAI, alice: Person) -> None:
    Wallet.objects.filter(team=alice.team).update(balance=0)
    with pytest.raises(openai.RateLimitError) as refused:
        client.videos.create(input_reference=CAT, **SMALL)
    assert refused.value.code == "quota_exceeded"
    assert refused.value.request.headers["x-stainless-retry-count"] == "0"


def test_a_video_of_another_team_does_not_exist(client: OpenAI, plain_portal: str, charlie: Person) -> None:
    video = client.videos.create(input_reference=CAT, **SMALL)
    with OpenAI(base_url=f"{plain_portal}/v1", api_key=charlie.key) as other:
        for call in (
            other.videos.retrieve,
            other.videos.delete,
            other.videos.download_content,
            lambda video_id: other.videos.remix(video_id, prompt="mine"),
        ):
            with pytest.raises(openai.NotFoundError):
                call(video.id)
        assert other.videos.list().data == []
