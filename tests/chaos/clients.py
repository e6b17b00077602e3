"""Clients of the teams, which submit with an Idempotency-Key and retry until the submit is accepted.

Some jobs fail by their script, some are canceled or deleted or have a deadline. The metadata of each name its script.
"""

import base64
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import httpx
from PIL import Image

from tests.chaos.world import Team

TIMEOUT_SECONDS = 10.0
_COLORS = range(16, 256, 32)


@dataclass
class Submission:
    """One submit: the request, and the ids that the site responded with."""

    key: str
    team: Team
    seed: int
    script: str
    body: dict[str, Any]
    headers: dict[str, str]
    ids: set[str] = field(default_factory=set)
    refused: str = ""
    canceled: bool = False
    deleted: bool = False


# What happens to a job, with weights. Most jobs just run.
SCRIPTS = {
    "made": 60,
    "sent twice": 12,
    "canceled": 8,
    "canceled late": 8,
    "deleted": 4,
    "deadline": 4,
    "fails": 4,
    "crashes once in a while": 4,
    "hangs once in a while": 1,
}


def draw_submission(rng: random.Random, *, team: Team, number: int, models: Sequence[str]) -> Submission:
    script = rng.choices(list(SCRIPTS), list(SCRIPTS.values()))[0]
    prompt = f"delay={rng.choice([0, 0.005, 0.02, 0.05, 0.1])}"
    prompt += {
        "fails": " fail_at=3",
        "crashes once in a while": " segfault_at=4 chance=0.4",
        "hangs once in a while": " hang_at=4 chance=0.5",
    }.get(script, "")
    submission = make_submission(
        team=team, number=number, script=script, prompt=prompt, colors=rng.choices(_COLORS, k=3)
    )
    submission.body |= {
        "model": models[(team.id + number) % len(models)],
        "steps": rng.choice([10, 12, 20]),
        "output_format": "gif" if rng.random() < 0.1 else "mp4",
        "priority": rng.choice(["low", "normal", "normal", "high"]),
    }
    if script == "deadline":
        submission.headers["Cancel-After"] = str(rng.randint(1, 3))
    return submission


def make_submission(
    *, team: Team, number: int, script: str, prompt: str, colors: Sequence[int] = (16, 80, 208), steps: int = 10
) -> Submission:
    red, green, blue = colors
    # The low bytes are the video's color. The others make the seed unique to this job.
    seed = red | green << 8 | blue << 16 | (team.id << 16 | number) << 24
    key = f"{team.id}-{number}"
    body = {
        "model": "scripted",
        "image_base64": _IMAGE,
        "prompt": prompt,
        "size": "128x128",
        "steps": steps,
        "num_frames": 8,
        "seed": seed,
        "metadata": {"key": key, "script": script},
    }
    headers = {"Authorization": f"Bearer {team.key}", "Idempotency-Key": key}
    return Submission(key, team, seed, script, body, headers)


def _image() -> str:
    buffer = BytesIO()
    Image.new("RGB", (96, 96), "teal").save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


_IMAGE = _image()


class Client:
    """One team's program."""

    def __init__(
        self,
        *,
        team: Team,
        site: str,
        seed: int,
        jobs: int,
        may_send: Callable[[int], bool],
        models: Sequence[str] = ("scripted",),
    ) -> None:
        self.team, self.jobs, self.may_send, self.models = team, jobs, may_send, models
        self.rng = random.Random(f"{seed} client {team.id}")
        self.submissions: list[Submission] = []
        self.responses: dict[str, int] = {}
        self.slowest_seconds = 0.0
        self.give_up = threading.Event()
        self._http = httpx.Client(base_url=site, timeout=TIMEOUT_SECONDS)
        self._second_http = httpx.Client(base_url=site, timeout=TIMEOUT_SECONDS)
        self._extra: list[threading.Thread] = []
        self.thread = threading.Thread(target=self._run, name=f"client {team.id}", daemon=True)

    def _run(self) -> None:
        for number in range(self.jobs):
            submission = draw_submission(self.rng, team=self.team, number=number, models=self.models)
            pause = self.rng.uniform(0, 0.1)
            late = self.rng.uniform(0.1, 3)
            while not self.may_send(number) and not self.give_up.is_set():
                time.sleep(0.05)
            time.sleep(pause)
            self.submissions.append(submission)
            duplicate = None
            if submission.script == "sent twice":
                duplicate = threading.Thread(target=self._submit, args=(submission, self._second_http), daemon=True)
                duplicate.start()
            self.submit(submission)
            if duplicate:
                duplicate.join()
            if submission.ids:
                self._follow_up(submission, late)
        for timer in self._extra:
            timer.join()

    def submit(self, submission: Submission) -> None:
        self._submit(submission, self._http)

    def _submit(self, submission: Submission, http: httpx.Client) -> None:
        response = self._retry(http, "POST", "/v1/videos", headers=submission.headers, json=submission.body)
        if response is None:
            submission.refused = "given up"
        elif response.status_code == 202:
            submission.ids.add(response.json()["id"])
        else:
            submission.refused = f"{response.status_code} {response.text[:300]}"

    def _follow_up(self, submission: Submission, late_seconds: float) -> None:
        if submission.script not in {"canceled", "canceled late", "deleted"}:
            return
        pause = 0.0 if submission.script == "canceled" else late_seconds
        timer = threading.Timer(pause, self._cancel_or_delete, [submission])
        timer.daemon = True
        timer.start()
        self._extra.append(timer)

    def cancel(self, submission: Submission) -> None:
        self._cancel_or_delete(submission)

    def _cancel_or_delete(self, submission: Submission) -> None:
        (public,) = list(submission.ids)[:1]
        path, headers = f"/v1/videos/{public}", {"Authorization": f"Bearer {self.team.key}"}
        with httpx.Client(base_url=str(self._http.base_url), timeout=TIMEOUT_SECONDS) as http:
            if submission.script == "deleted":
                response = self._retry(http, "DELETE", path, headers=headers)
                # 404: an earlier attempt succeeded and its response was lost.
                submission.deleted = response is not None and response.status_code in {200, 404}
            else:
                response = self._retry(http, "POST", f"{path}/cancel", headers=headers)
                submission.canceled = response is not None and response.status_code == 200

    def _retry(self, http: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response | None:
        """Retry until there is a response other than 429 and 5xx. Return None after `give_up`."""
        while not self.give_up.is_set():
            started = time.monotonic()
            try:
                response = http.request(method, path, **options)
            except httpx.HTTPError as error:
                self._count(type(error).__name__)
            else:
                self._count(str(response.status_code))
                self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - started)
                if response.status_code < 500 and response.status_code != 429:
                    return response
            self.give_up.wait(0.2)
        return None

    def _count(self, what: str) -> None:
        self.responses[what] = self.responses.get(what, 0) + 1
