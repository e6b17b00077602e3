"""The teams: good clients that send every submit with an Idempotency-Key and send it again until it is accepted.

Some of their jobs fail by script, some are canceled or deleted or have a deadline; each says in its metadata which.
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
_COLOURS = range(16, 256, 32)


@dataclass
class Order:
    """One submit: what it asks for, and which ids the site answered with."""

    key: str
    team: Team
    seed: int
    wish: str
    body: dict[str, Any]
    headers: dict[str, str]
    ids: set[str] = field(default_factory=set)
    refused: str = ""
    canceled: bool = False
    deleted: bool = False


# What becomes of a job, with weights: most are simply wanted.
WISHES = {
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


def draw_order(dice: random.Random, *, team: Team, number: int) -> Order:
    wish = dice.choices(list(WISHES), list(WISHES.values()))[0]
    prompt = f"delay={dice.choice([0, 0.005, 0.02, 0.05, 0.1])}"
    prompt += {
        "fails": " fail_at=3",
        "crashes once in a while": " segfault_at=4 chance=0.4",
        "hangs once in a while": " hang_at=4 chance=0.5",
    }.get(wish, "")
    order = make_order(team=team, number=number, wish=wish, prompt=prompt, colours=dice.choices(_COLOURS, k=3))
    order.body |= {
        "steps": dice.choice([10, 12, 20]),
        "output_format": "gif" if dice.random() < 0.1 else "mp4",
        "priority": dice.choice(["low", "normal", "normal", "high"]),
    }
    if wish == "deadline":
        order.headers["Cancel-After"] = str(dice.randint(1, 3))
    return order


def make_order(
    *, team: Team, number: int, wish: str, prompt: str, colours: Sequence[int] = (16, 80, 208), steps: int = 10
) -> Order:
    red, green, blue = colours
    # The low bytes are the clip's colour, the others make the seed this job's alone.
    seed = red | green << 8 | blue << 16 | (team.id << 16 | number) << 24
    key = f"{team.id}-{number}"
    body = {
        "model": "scripted",
        "image_base64": _PICTURE,
        "prompt": prompt,
        "size": "128x128",
        "steps": steps,
        "num_frames": 8,
        "seed": seed,
        "metadata": {"key": key, "wish": wish},
    }
    headers = {"Authorization": f"Bearer {team.key}", "Idempotency-Key": key}
    return Order(key, team, seed, wish, body, headers)


def _picture() -> str:
    buffer = BytesIO()
    Image.new("RGB", (96, 96), "teal").save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


_PICTURE = _picture()


class Client:
    """One team's program."""

    def __init__(self, *, team: Team, site: str, seed: int, jobs: int, may_send: Callable[[int], bool]) -> None:
        self.team, self.jobs, self.may_send = team, jobs, may_send
        self.dice = random.Random(f"{seed} client {team.id}")
        self.orders: list[Order] = []
        self.answers: dict[str, int] = {}
        self.slowest_seconds = 0.0
        self.give_up = threading.Event()
        self._http = httpx.Client(base_url=site, timeout=TIMEOUT_SECONDS)
        self._http_too = httpx.Client(base_url=site, timeout=TIMEOUT_SECONDS)
        self._extra: list[threading.Thread] = []
        self.thread = threading.Thread(target=self._run, name=f"client {team.id}", daemon=True)

    def _run(self) -> None:
        for number in range(self.jobs):
            order = draw_order(self.dice, team=self.team, number=number)
            pause = self.dice.uniform(0, 0.1)
            late = self.dice.uniform(0.1, 3)
            while not self.may_send(number) and not self.give_up.is_set():
                time.sleep(0.05)
            time.sleep(pause)
            self.orders.append(order)
            twin = None
            if order.wish == "sent twice":
                twin = threading.Thread(target=self._submit, args=(order, self._http_too), daemon=True)
                twin.start()
            self.submit(order)
            if twin:
                twin.join()
            if order.ids:
                self._follow_up(order, late)
        for timer in self._extra:
            timer.join()

    def submit(self, order: Order) -> None:
        self._submit(order, self._http)

    def _submit(self, order: Order, http: httpx.Client) -> None:
        answer = self._insist(http, "POST", "/v1/videos", headers=order.headers, json=order.body)
        if answer is None:
            order.refused = "given up"
        elif answer.status_code == 202:
            order.ids.add(answer.json()["id"])
        else:
            order.refused = f"{answer.status_code} {answer.text[:300]}"

    def _follow_up(self, order: Order, late_seconds: float) -> None:
        if order.wish not in {"canceled", "canceled late", "deleted"}:
            return
        pause = 0.0 if order.wish == "canceled" else late_seconds
        timer = threading.Timer(pause, self._withdraw, [order])
        timer.daemon = True
        timer.start()
        self._extra.append(timer)

    def cancel(self, order: Order) -> None:
        self._withdraw(order)

    def _withdraw(self, order: Order) -> None:
        (public,) = list(order.ids)[:1]
        path, headers = f"/v1/videos/{public}", {"Authorization": f"Bearer {self.team.key}"}
        with httpx.Client(base_url=str(self._http.base_url), timeout=TIMEOUT_SECONDS) as http:
            if order.wish == "deleted":
                answer = self._insist(http, "DELETE", path, headers=headers)
                # 404: an earlier try had done it and its answer was lost.
                order.deleted = answer is not None and answer.status_code in {200, 404}
            else:
                answer = self._insist(http, "POST", f"{path}/cancel", headers=headers)
                order.canceled = answer is not None and answer.status_code == 200

    def _insist(self, http: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response | None:
        """Sends until there is an answer that is not an outage's; None when told to give up."""
        while not self.give_up.is_set():
            started = time.monotonic()
            try:
                answer = http.request(method, path, **options)
            except httpx.HTTPError as error:
                self._count(type(error).__name__)
            else:
                self._count(str(answer.status_code))
                self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - started)
                if answer.status_code < 500 and answer.status_code != 429:
                    return answer
            self.give_up.wait(0.2)
        return None

    def _count(self, what: str) -> None:
        self.answers[what] = self.answers.get(what, 0) + 1
