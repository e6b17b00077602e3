"""The engine against servers that behave as vLLM-Omni and SGLang do, as real processes."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from inference.engines.base import RemoteRun, RemoteVideo
from inference.engines.scripted.engine import color_of
from inference.engines.upstream.engine import UpstreamEngine
from inference.errors import Canceled, ModelIncomplete, UpstreamDenied, UpstreamFailed, UpstreamUnreachable
from inference.generation import ExternalJob, GenerationInputs, GenerationRequest
from tests.support.frames import generate_frames
from tests.support.upstream_server import KEY, UpstreamServer

pytestmark = pytest.mark.process

REQUEST = GenerationRequest(
    prompt="a dog runs",
    negative_prompt="blurry",
    width=64,
    height=48,
    num_frames=5,
    fps=8,
    steps=20,
    guidance_scale=5.0,
    seed=0x305070,
)
IMAGE = GenerationInputs(Image.new("RGB", (640, 480), "red"))
ALL_PARAMETERS = frozenset({"steps", "guidance_scale", "negative_prompt"})
Start = Callable[[str], UpstreamServer]


class Run:
    """One run of the engine, with what it reported."""

    def __init__(self, server: UpstreamServer, folder: Path, /, **options: Any) -> None:
        self.server, self.folder = server, folder
        self.engine = UpstreamEngine(None, "cpu", options=server.options | options)
        self.external_jobs: list[ExternalJob] = []
        self.steps: list[tuple[int, int]] = []
        self.is_canceled = False
        self.result: RemoteVideo | None = None

    def on_step(self, step: int, total: int) -> None:
        self.steps.append((step, total))
        if self.is_canceled:
            raise Canceled

    def generate(
        self,
        *,
        request: GenerationRequest = REQUEST,
        inputs: GenerationInputs = IMAGE,
        parameters: frozenset[str] = ALL_PARAMETERS,
        timeout_seconds: float = 60,
        external_job: ExternalJob | None = None,
    ) -> Any:
        run = RemoteRun(
            key="job",
            parameters=parameters,
            folder=self.folder,
            timeout_seconds=timeout_seconds,
            external_job=external_job,
            on_external_job=self.external_jobs.append,
        )
        self.result = self.engine.generate_remotely(request, inputs, self.on_step, run)
        return np.concatenate([*self.result.chunks])


def later(action: Callable[[], Any], condition: Callable[[], Any]) -> None:
    """Run the action in a thread as soon as the condition holds."""

    def run() -> None:
        give_up_at = time.monotonic() + 60
        while not condition() and time.monotonic() < give_up_at:
            time.sleep(0.02)
        action()

    threading.Thread(target=run, daemon=True).start()


def polls(server: UpstreamServer) -> int:
    return sum("/videos/" in call["path"] for call in server.calls("GET"))


@pytest.fixture(params=["vllm-omni", "sglang"])
def server(request: pytest.FixtureRequest, start_upstream: Start) -> UpstreamServer:
    return start_upstream(request.param)


@pytest.fixture
def vllm(start_upstream: Start) -> UpstreamServer:
    return start_upstream("vllm-omni")


def test_a_video_is_sent_followed_and_downloaded(server: UpstreamServer, tmp_path: Path) -> None:
    server.behave(is_finished=False, progress=40)
    run = Run(server, tmp_path, upstream_model="wan")
    run.engine.load()
    later(server.behave, lambda: polls(server) > 3)
    frames = run.generate()
    assert frames.shape == (5, 48, 64, 3)
    assert np.abs(frames.astype(int) - color_of(REQUEST.seed)).max() < 8
    [sent] = server.calls("POST")
    model = {"model": "wan"} if server.kind == "sglang" else {}
    assert sent["fields"] == model | {
        "prompt": "a dog runs",
        "negative_prompt": "blurry",
        "size": "64x48",
        "num_frames": "5",
        "fps": "8",
        "seed": str(0x305070),
        "guidance_scale": "5.0",
        "num_inference_steps": "20",
        "input_reference": "image/png",
    }
    assert sent["Idempotency-Key"] == "job-0"
    assert [job.resends for job in run.external_jobs] == [0]
    assert {(1, 100), (40, 100)} <= {*run.steps}
    assert run.steps[-1] == (100, 100)
    assert run.steps == sorted(run.steps)


def test_only_what_the_model_has_is_sent(vllm: UpstreamServer, tmp_path: Path) -> None:
    run = Run(vllm, tmp_path)
    run.generate(parameters=frozenset(), inputs=GenerationInputs(None))
    assert {*vllm.calls("POST")[0]["fields"]} == {"prompt", "size", "num_frames", "fps", "seed"}


@pytest.mark.parametrize(("has_audio", "is_wanted"), [(True, True), (True, False), (False, True)])
def test_sound_of_the_server_is_taken_if_it_is_wanted(
    vllm: UpstreamServer, tmp_path: Path, has_audio: bool, is_wanted: bool
) -> None:
    vllm.behave(has_audio=has_audio)
    run = Run(vllm, tmp_path)
    video = run.engine.generate(replace(REQUEST, audio=is_wanted), IMAGE, run.on_step)
    assert sum(len(chunk) for chunk in video.chunks) == 5
    assert (video.audio is not None) == (has_audio and is_wanted)
    if video.audio is not None:
        assert video.audio.samples.shape == (1, round(5 / 8 * video.audio.sample_rate))


def test_without_a_worker(vllm: UpstreamServer, tmp_path: Path) -> None:
    run = Run(vllm, tmp_path)
    assert len(generate_frames(run.engine, REQUEST, IMAGE, run.on_step)) == 5


def test_a_known_kind_of_server_is_not_asked_for(vllm: UpstreamServer, tmp_path: Path) -> None:
    Run(vllm, tmp_path, server="vllm-omni").generate()
    assert not [call for call in vllm.calls("GET") if "models" in call["path"]]


def test_a_video_of_an_earlier_attempt_is_not_sent_again(vllm: UpstreamServer, tmp_path: Path) -> None:
    first, second = Run(vllm, tmp_path), Run(vllm, tmp_path)
    first.generate()
    assert len(second.generate(external_job=first.external_jobs[0])) == 5
    assert len(vllm.calls("POST")) == 1
    assert second.external_jobs == []


def test_a_server_that_restarts_gets_the_video_once_more(server: UpstreamServer, tmp_path: Path) -> None:
    server.behave(is_finished=False)
    run = Run(server, tmp_path)

    def restart() -> None:
        server.kill()
        time.sleep(0.3)
        server.behave()
        server.start()

    later(restart, lambda: polls(server))
    assert len(run.generate()) == 5
    assert [call["Idempotency-Key"] for call in server.calls("POST")] == ["job-0", "job-1"]
    assert [job.resends for job in run.external_jobs] == [0, 1]
    assert len({job.id for job in run.external_jobs}) == 2


def test_a_video_that_is_lost_twice_fails(vllm: UpstreamServer, tmp_path: Path) -> None:
    with pytest.raises(UpstreamFailed, match="lost the video twice"):
        Run(vllm, tmp_path).generate(external_job=ExternalJob("gone", resends=1))
    assert vllm.calls("POST") == []


def test_a_server_that_is_away_is_waited_for(vllm: UpstreamServer, tmp_path: Path) -> None:
    vllm.behave(http_status=503)
    later(vllm.behave, lambda: vllm.calls("GET"))
    assert len(Run(vllm, tmp_path).generate()) == 5


def test_an_answer_that_is_lost(vllm: UpstreamServer, tmp_path: Path) -> None:
    """The submit is repeated with the same key, by which a server can know it."""
    vllm.behave(loses_answer=True)
    later(vllm.behave, lambda: vllm.calls("POST"))
    Run(vllm, tmp_path).generate()
    assert [call["Idempotency-Key"] for call in vllm.calls("POST")] == ["job-0", "job-0"]


def test_an_answer_that_is_lost_again(vllm: UpstreamServer, tmp_path: Path) -> None:
    """The server does not know the key, and would make the same video again and again."""
    vllm.behave(loses_answer=True)
    with pytest.raises(UpstreamUnreachable, match="RemoteProtocolError"):
        Run(vllm, tmp_path, server="vllm-omni").generate()
    assert len(vllm.calls("POST")) == 2


def test_a_server_that_knows_the_key_is_sent_the_video_until_it_answers(vllm: UpstreamServer, tmp_path: Path) -> None:
    vllm.behave(loses_answer=True)
    later(vllm.behave, lambda: len(vllm.calls("POST")) > 2)
    Run(vllm, tmp_path, server="mutoscope").generate()
    assert len(vllm.calls("POST")) > 3


def test_a_slow_server_is_sent_the_video_once(
    vllm: UpstreamServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.engines.upstream.client._TIMEOUT", httpx.Timeout(0.5, connect=5))
    monkeypatch.setattr("inference.engines.upstream.client._CALL_TIMEOUT_SECONDS", 0.5)
    vllm.behave(delay=1.5)
    started = time.monotonic()
    later(vllm.behave, lambda: time.monotonic() - started > 1)
    Run(vllm, tmp_path, server="vllm-omni").generate()
    assert len(vllm.calls("POST")) == 1


def test_a_server_that_has_not_taken_the_video_is_sent_it_until_it_does(vllm: UpstreamServer, tmp_path: Path) -> None:
    vllm.kill()
    vllm.behave(http_status=503)
    started = time.monotonic()
    later(vllm.start, lambda: time.monotonic() - started > 1)
    later(vllm.behave, lambda: len(vllm.calls("POST")) > 2)
    assert len(Run(vllm, tmp_path, server="vllm-omni").generate()) == 5


@pytest.mark.parametrize("status", [402, 403])
def test_a_server_that_rejects_our_account(vllm: UpstreamServer, tmp_path: Path, status: int) -> None:
    """The video is not to blame, and goes on when the operator has paid: it is not canceled there."""
    vllm.behave(is_finished=False)
    later(lambda: vllm.behave(http_status=status, message="no credits"), lambda: polls(vllm))
    with pytest.raises(UpstreamDenied, match="no credits"):
        Run(vllm, tmp_path).generate()
    assert vllm.calls("DELETE") == []


def test_a_server_is_asked_again_when_it_says(vllm: UpstreamServer, tmp_path: Path) -> None:
    vllm.behave(http_status=429, headers={"Retry-After": "2"})
    later(vllm.behave, lambda: vllm.calls("POST"))
    started = time.monotonic()
    Run(vllm, tmp_path, server="vllm-omni").generate()
    assert time.monotonic() - started > 2
    assert len(vllm.calls("POST")) == 2


@pytest.mark.parametrize(
    ("behavior", "seconds"),
    [
        ({"answer": {"status": "completed", "inference_time_s": 2.5}}, 2.5),
        ({"answer": {"status": "completed", "usage": {"gpu_seconds": 3.5}}}, 3.5),
        ({"headers": {"x-inference-time-s": "4.5"}}, 4.5),
    ],
)
def test_the_time_that_the_server_reports(
    vllm: UpstreamServer, tmp_path: Path, behavior: dict[str, Any], seconds: float
) -> None:
    vllm.behave(**behavior)
    run = Run(vllm, tmp_path, server="vllm-omni")
    run.generate()
    assert run.result is not None
    assert run.result.gpu_seconds == seconds


@pytest.mark.parametrize("seconds", [-1, "3", True, None, 1e300])
def test_a_time_that_makes_no_sense_is_measured(vllm: UpstreamServer, tmp_path: Path, seconds: Any) -> None:
    """The time in the server's queue does not count."""
    headers = {"x-inference-time-s": "nan"}
    vllm.behave(answer={"status": "queued", "progress": 0}, headers=headers)
    later(
        lambda: vllm.behave(answer={"status": "completed", "inference_time_s": seconds}, headers=headers),
        lambda: polls(vllm) > 15,
    )
    run = Run(vllm, tmp_path, server="vllm-omni")
    run.generate()
    assert run.result is not None
    assert run.result.gpu_seconds < (run.result.waiting_seconds or 0)


@pytest.mark.parametrize("status", [429, 500])
def test_a_server_that_stays_away(vllm: UpstreamServer, tmp_path: Path, status: int) -> None:
    vllm.behave(http_status=status)
    with pytest.raises(UpstreamUnreachable, match=f"HTTP {status}") as caught:
        Run(vllm, tmp_path).generate(timeout_seconds=1)
    assert not caught.value.permanent


def test_a_server_that_does_not_run(vllm: UpstreamServer, tmp_path: Path) -> None:
    vllm.kill()
    with pytest.raises(UpstreamUnreachable, match="ConnectError") as caught:
        Run(vllm, tmp_path).generate(timeout_seconds=1)
    assert "127.0.0.1" not in str(caught.value)


def test_a_refused_video_fails_with_the_reason(server: UpstreamServer, tmp_path: Path) -> None:
    server.behave(http_status=400, message=f"size\nis not\x00supported by {KEY}")
    with pytest.raises(UpstreamFailed, match=r"refused the video: size is not supported by …$") as caught:
        Run(server, tmp_path).generate()
    assert caught.value.permanent


def test_the_fields_of_a_validation_error(vllm: UpstreamServer, tmp_path: Path) -> None:
    vllm.behave(http_status=422, message=[{"loc": ["body", "fps"], "msg": "too high", "type": "x"}])
    with pytest.raises(UpstreamFailed, match=r"body\.fps: too high"):
        Run(vllm, tmp_path, server="vllm-omni").generate()


def test_a_wrong_key_is_not_shown(server: UpstreamServer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (server.folder / "key").write_text("another-secret")
    with pytest.raises(UpstreamDenied, match="denies access: Invalid key Bearer …") as caught:
        Run(server, tmp_path).generate()
    assert not caught.value.permanent
    assert "another-secret" not in caplog.text


def test_a_missing_key(vllm: UpstreamServer, tmp_path: Path) -> None:
    with pytest.raises(ModelIncomplete, match="key for the upstream server cannot be read: FileNotFoundError"):
        Run(vllm, tmp_path, api_key_file="/nonexistent/key").engine.load()


@pytest.mark.parametrize("behavior", [{"fail": "out of memory"}, {"answer": {"error": {"message": "out of memory"}}}])
def test_a_video_that_cannot_be_made(server: UpstreamServer, tmp_path: Path, behavior: dict[str, Any]) -> None:
    server.behave(**behavior)
    run = Run(server, tmp_path)
    with pytest.raises(UpstreamFailed, match="could not make the video: out of memory"):
        run.generate()
    assert [call["path"] for call in server.calls("DELETE")] == [f"/v1/videos/{run.external_jobs[0].id}"]


def test_a_state_that_is_not_understood(vllm: UpstreamServer, tmp_path: Path) -> None:
    vllm.behave(answer={"status": []})
    later(lambda: vllm.behave(answer={"status": "COMPLETED"}), lambda: polls(vllm) > 2)
    assert len(Run(vllm, tmp_path).generate()) == 5


def test_a_gateway_without_its_server_does_not_lose_the_video(vllm: UpstreamServer, tmp_path: Path) -> None:
    vllm.behave(is_finished=False)
    later(lambda: vllm.behave(is_gateway=True), lambda: polls(vllm))
    later(vllm.behave, lambda: polls(vllm) > 3)
    assert len(Run(vllm, tmp_path).generate()) == 5
    assert len(vllm.calls("POST")) == 1


def test_a_key_that_cannot_be_sent(vllm: UpstreamServer, tmp_path: Path) -> None:
    (vllm.folder / "key").write_text("two\nlines")
    with pytest.raises(UpstreamDenied, match=r"cannot be reached \(LocalProtocolError\)"):
        Run(vllm, tmp_path).generate(timeout_seconds=10)


def test_an_answer_that_cannot_be_decoded(vllm: UpstreamServer, tmp_path: Path) -> None:
    vllm.behave(encoding="gzip")
    later(vllm.behave, lambda: vllm.calls("GET"))
    assert len(Run(vllm, tmp_path).generate()) == 5


def test_a_cancellation_is_passed_on_at_once(server: UpstreamServer, tmp_path: Path) -> None:
    server.behave(is_finished=False)
    run = Run(server, tmp_path, poll_seconds=30)
    canceled_at: list[float] = []

    def cancel() -> None:
        canceled_at.append(time.monotonic())
        run.is_canceled = True

    later(cancel, lambda: polls(server))
    with pytest.raises(Canceled):
        run.generate()
    assert time.monotonic() - canceled_at[0] < 2
    assert [call["path"] for call in server.calls("DELETE")] == [f"/v1/videos/{run.external_jobs[0].id}"]


def test_a_cancellation_while_the_video_is_sent(vllm: UpstreamServer, tmp_path: Path) -> None:
    """The server has accepted it, but its answer, which has the id, is still under way."""
    vllm.behave(delay=1)
    run = Run(vllm, tmp_path, server="vllm-omni")
    run.is_canceled = False
    started = time.monotonic()
    later(lambda: setattr(run, "is_canceled", True), lambda: time.monotonic() - started > 0.4)
    with pytest.raises(Canceled):
        run.generate()
    assert len(vllm.calls("POST")) == len(vllm.calls("DELETE")) == 1


def test_a_video_that_takes_too_long_is_canceled(vllm: UpstreamServer, tmp_path: Path) -> None:
    vllm.behave(is_finished=False, status="thinking")
    with pytest.raises(UpstreamFailed, match="in time"):
        Run(vllm, tmp_path).generate(timeout_seconds=1)
    assert len(vllm.calls("DELETE")) == 1


@pytest.mark.parametrize("has_ranges", [True, False])
def test_a_download_continues_after_a_lost_connection(vllm: UpstreamServer, tmp_path: Path, has_ranges: bool) -> None:
    vllm.behave(cut_after=700, has_ranges=has_ranges)
    later(vllm.behave, lambda: any(call["Range"] for call in vllm.calls("GET")))
    frames = Run(vllm, tmp_path).generate()
    assert np.abs(frames.astype(int) - color_of(REQUEST.seed)).max() < 8
    ranges = [call["Range"] for call in vllm.calls("GET") if call["path"].endswith("/content")]
    assert ranges[:2] == [None, "bytes=700-"]


@pytest.mark.parametrize(
    ("behavior", "problem"),
    [
        ({"num_frames": 4}, "made 4 instead of 5 frames"),
        ({"num_frames": 6}, "made 6 instead of 5 frames"),
        ({"size": "64x64"}, "frames of 64x64 instead of 64x48 pixels"),
        ({"is_video": False}, "is no video"),
    ],
)
def test_another_video_than_was_asked_for(
    vllm: UpstreamServer, tmp_path: Path, behavior: dict[str, Any], problem: str
) -> None:
    vllm.behave(**behavior)
    with pytest.raises(UpstreamFailed, match=problem):
        Run(vllm, tmp_path).generate()


def test_a_file_that_is_too_large(vllm: UpstreamServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.engines.upstream.engine._MAX_INDEX_BYTES", -REQUEST.width * 48 * 3 * 5 + 100)
    with pytest.raises(UpstreamFailed, match="larger than its frames"):
        Run(vllm, tmp_path).generate()
    assert (tmp_path / "upstream.mp4").stat().st_size <= 100
