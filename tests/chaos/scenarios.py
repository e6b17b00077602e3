"""Targeted faults: a zombie in mid-publish, a worker cut off from Postgres, a wake-up that no worker received.

Each scenario runs in a thread of its own, with two workers that the main thread started; the second one is frozen, so
that the first one gets the job. Each has its own pool and team, so that several can run concurrently.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, LiteralString

import redis

from tests.chaos.clients import Client, make_submission
from tests.chaos.monitor import Monitor
from tests.chaos.processes import Process
from tests.chaos.wakeups import QUEUES
from tests.chaos.world import Team, World

TIMEOUT_SECONDS = 60.0
TERMINAL = ("completed", "failed", "canceled", "expired")


@dataclass
class ScenarioRun:
    """One run of a scenario: its workers, its job, and an error of the scenario itself."""

    name: str
    world: World
    monitor: Monitor
    team: Team
    first: Process
    second: Process
    pool: str
    client: Client = field(init=False)
    job: str = ""
    error: str = ""

    def __post_init__(self) -> None:
        self.client = Client(team=self.team, site=self.world.site, seed=0, jobs=0, may_send=bool)

    def execute(self, scenario: Callable[["ScenarioRun"], None]) -> None:
        try:
            self.wait(lambda: all("engine_ready" in worker.log.read_text() for worker in (self.first, self.second)))
            scenario(self)
        except Exception as error:
            self.error = repr(error)
        finally:
            for worker in (self.first, self.second):
                worker.thaw()

    def submit(self, *, script: str = "made", prompt: str = "delay=0.02", steps: int = 10, pool: str = "") -> str:
        submission = make_submission(
            team=self.team, number=len(self.client.submissions), script=script, prompt=prompt, steps=steps
        )
        self.client.submissions.append(submission)
        self.client.submit(submission)
        (public_id,) = submission.ids
        job = public_id.removeprefix("vid_")
        if pool:
            self.sql("UPDATE jobs_job SET pool = %s WHERE id = %s::uuid", pool, job)
        return job

    def sql(self, statement: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        with self.monitor.connect(autocommit=True) as db:
            cursor = db.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def state(self) -> tuple[str, int]:
        [(state, attempt)] = self.sql("SELECT state, attempt FROM jobs_job WHERE id = %s::uuid", self.job)
        return state, attempt

    def lease_until(self) -> datetime:
        [(until,)] = self.sql("SELECT lease_until FROM jobs_job WHERE id = %s::uuid", self.job)
        assert isinstance(until, datetime)
        return until

    def run_folder(self, worker: Process, attempt: int) -> Path | None:
        return next(self.world.scratch.glob(f"{worker.pid}-*/{self.job}-{attempt}"), None)

    def is_publishing(self, worker: Process, attempt: int) -> bool:
        folder = self.run_folder(worker, attempt)
        return folder is not None and any(folder.glob("video.*"))

    def wait(self, condition: Callable[[], object], seconds: float = TIMEOUT_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} timed out at {self.job and self.state()}")
            time.sleep(0.02)


def zombie_in_mid_publish(run: ScenarioRun) -> None:
    """Freeze the worker while it stores the result, for longer than its lease, until its successor stores."""
    run.second.freeze(TIMEOUT_SECONDS)
    # Keeps credits reserved, so that a second settlement does not fail for lack of them.
    run.submit(script="canceled", pool=f"{run.pool}-nobody")
    run.job = run.submit(pool=run.pool)
    run.wait(lambda: run.is_publishing(run.first, 1))
    run.first.freeze(TIMEOUT_SECONDS)
    run.wait(lambda: run.state()[0] == "queued")
    run.second.thaw()
    run.wait(lambda: run.is_publishing(run.second, 2))
    run.first.thaw()
    run.wait(lambda: run.run_folder(run.first, 1) is None and run.run_folder(run.second, 2) is None)
    # If a job was finished twice, the ledger does not allow this one to finish.
    threading.Timer(3, run.client.give_up.set).start()
    run.client.cancel(run.client.submissions[0])
    run.wait(lambda: run.state()[0] in TERMINAL)


def _cut_off(*, silent: bool) -> Callable[[ScenarioRun], None]:
    """Cut the running worker off from Postgres, refused or without a response; the other one takes the job."""

    def scenario(run: ScenarioRun) -> None:
        run.second.freeze(TIMEOUT_SECONDS)
        run.job = run.submit(script="canceled", prompt="delay=0.5", steps=100, pool=run.pool)
        run.wait(lambda: run.run_folder(run.first, 1))
        proxy, until = run.world.proxies[run.first.name], time.monotonic() + TIMEOUT_SECONDS
        if silent:
            proxy.silent_until = until
        else:
            proxy.refuse_until = until
            run.world.proxy_server.cut(proxy)
        run.second.thaw()
        run.wait(lambda: run.state() == ("in_progress", 2))
        # An attempt that does not end itself goes on for as long as the lease of its successor.
        lease_until = run.lease_until()
        run.wait(lambda: run.sql("SELECT now() > %s", lease_until) == [(True,)])
        proxy.silent_until = proxy.refuse_until = 0.0
        run.client.cancel(run.client.submissions[0])
        run.wait(lambda: run.state()[0] in TERMINAL)

    return scenario


def wakeup_missed(run: ScenarioRun) -> None:
    """Send a wake-up while no worker listens, and then lose it."""
    for worker in (run.first, run.second):
        worker.freeze(TIMEOUT_SECONDS)
    client = redis.Redis(unix_socket_path=str(run.world.valkey.socket), socket_timeout=1)
    # A connection that still waits for a wake-up would receive it.
    client.client_kill_filter(_type="normal", skipme=True)
    run.job = run.submit()
    client.delete(*QUEUES)
    client.close()
    for worker in (run.first, run.second):
        worker.thaw()
    run.wait(lambda: run.state()[0] in TERMINAL, seconds=9)


SCENARIOS: dict[str, Callable[[ScenarioRun], None]] = {
    "zombie in mid-publish": zombie_in_mid_publish,
    "cut off": _cut_off(silent=False),
    "no response": _cut_off(silent=True),
    "wake-up missed": wakeup_missed,
}
