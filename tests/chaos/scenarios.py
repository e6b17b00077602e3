"""Targeted misfortunes: a zombie in mid-publish, a worker cut off from Postgres, a bell that nobody heard.

Each is told by a thread of its own, with two workers that the main thread started, the second one frozen so that the
first one gets the job. All in a pool and a team of their own, so that several can be told at once.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import redis

from tests.chaos.bells import QUEUES
from tests.chaos.clients import Client, make_order
from tests.chaos.processes import Process
from tests.chaos.watch import Watch
from tests.chaos.world import Team, World

PATIENCE_SECONDS = 60.0
TERMINAL = ("completed", "failed", "canceled", "expired")


@dataclass
class Scene:
    """One telling of a story: its workers, its job, and what went wrong in the telling itself."""

    name: str
    world: World
    watch: Watch
    team: Team
    first: Process
    second: Process
    pool: str
    client: Client = field(init=False)
    job: str = ""
    trouble: str = ""

    def __post_init__(self) -> None:
        self.client = Client(team=self.team, site=self.world.site, seed=0, jobs=0, may_send=bool)

    def tell(self, story: Callable[["Scene"], None]) -> None:
        try:
            self.wait(lambda: all("engine_ready" in worker.log.read_text() for worker in (self.first, self.second)))
            story(self)
        except Exception as error:
            self.trouble = repr(error)
        finally:
            for worker in (self.first, self.second):
                worker.thaw()

    def submit(self, *, wish: str = "made", prompt: str = "delay=0.02", steps: int = 10, pool: str = "") -> str:
        order = make_order(team=self.team, number=len(self.client.orders), wish=wish, prompt=prompt, steps=steps)
        self.client.orders.append(order)
        self.client.submit(order)
        (public_id,) = order.ids
        job = public_id.removeprefix("vid_")
        if pool:
            self.sql("UPDATE jobs_job SET pool = %s WHERE id = %s::uuid", pool, job)
        return job

    def sql(self, statement: str, *values: object) -> list[tuple]:
        with psycopg.connect(**self.watch.address(), autocommit=True) as db:
            cursor = db.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def state(self) -> tuple[str, int]:
        return self.sql("SELECT state, attempt FROM jobs_job WHERE id = %s::uuid", self.job)[0]

    def run_folder(self, worker: Process, attempt: int) -> Path | None:
        return next(self.world.scratch.glob(f"{worker.pid}-*/{self.job}-{attempt}"), None)

    def is_publishing(self, worker: Process, attempt: int) -> bool:
        folder = self.run_folder(worker, attempt)
        return folder is not None and any(folder.glob("video.*"))

    def wait(self, condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
        give_up = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > give_up:
                raise TimeoutError(f"{self.name} waited in vain at {self.job and self.state()}")
            time.sleep(0.02)


def zombie_in_mid_publish(scene: Scene) -> None:
    """Frozen while it stores the result, for longer than its lease; wakes up while its successor stores."""
    scene.second.freeze(PATIENCE_SECONDS)
    # Keeps credits reserved, so that a second closing does not fail for want of them.
    scene.submit(wish="canceled", pool=f"{scene.pool}-nobody")
    scene.job = scene.submit(pool=scene.pool)
    scene.wait(lambda: scene.is_publishing(scene.first, 1))
    scene.first.freeze(PATIENCE_SECONDS)
    scene.wait(lambda: scene.state()[0] == "queued")
    scene.second.thaw()
    scene.wait(lambda: scene.is_publishing(scene.second, 2))
    scene.first.thaw()
    scene.wait(lambda: scene.run_folder(scene.first, 1) is None and scene.run_folder(scene.second, 2) is None)
    # Where a job was closed twice, the books do not let this one be closed.
    threading.Timer(3, scene.client.give_up.set).start()
    scene.client.cancel(scene.client.orders[0])
    scene.wait(lambda: scene.state()[0] in TERMINAL)


def _cut_off(*, silent: bool) -> Callable[[Scene], None]:
    """The worker in mid-run does not reach Postgres any more, refused or not answered; the other one takes the job."""

    def story(scene: Scene) -> None:
        scene.second.freeze(PATIENCE_SECONDS)
        scene.job = scene.submit(wish="canceled", prompt="delay=0.5", steps=100, pool=scene.pool)
        scene.wait(lambda: scene.run_folder(scene.first, 1))
        line, until = scene.world.lines[scene.first.name], time.monotonic() + PATIENCE_SECONDS
        if silent:
            line.silent_until = until
        else:
            line.refuse_until = until
            scene.world.proxies.cut(line)
        scene.second.thaw()
        scene.wait(lambda: scene.state() == ("in_progress", 2))
        time.sleep(3.5)
        line.silent_until = line.refuse_until = 0.0
        scene.client.cancel(scene.client.orders[0])
        scene.wait(lambda: scene.state()[0] in TERMINAL)

    return story


def bell_unheard(scene: Scene) -> None:
    """Nobody listens while it rings, and then it is lost."""
    for worker in (scene.first, scene.second):
        worker.freeze(PATIENCE_SECONDS)
    client = redis.Redis(unix_socket_path=str(scene.world.valkey.socket), socket_timeout=1)
    # Whoever waits for the bell on an open line would be handed it.
    client.client_kill_filter(_type="normal", skipme=True)
    scene.job = scene.submit()
    client.delete(*QUEUES)
    client.close()
    for worker in (scene.first, scene.second):
        worker.thaw()
    scene.wait(lambda: scene.state()[0] in TERMINAL, seconds=9)


STORIES: dict[str, Callable[[Scene], None]] = {
    "zombie in mid-publish": zombie_in_mid_publish,
    "cut off": _cut_off(silent=False),
    "never answered": _cut_off(silent=True),
    "bell unheard": bell_unheard,
}
