"""One run: start the portal, run the clients and inject faults, repair, drain, stop, and check the invariants."""

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg

from tests.chaos.clients import Client
from tests.chaos.faults import FAULT_COUNTS, FAULTS
from tests.chaos.hooks import Hooks
from tests.chaos.injector import Injector
from tests.chaos.monitor import Monitor
from tests.chaos.world import World
from tests.support.webhook_receiver import running_receiver

STOP_SECONDS = 30.0
RECOVERY_SECONDS = 30.0


@dataclass(frozen=True)
class Plan:
    seed: int
    kills: int
    jobs: int
    workers: int = 3
    teams: int = 4
    drain_seconds: float = 120.0


@dataclass
class Outcome:
    plan: Plan
    violations: dict[str, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    injector: Injector | None = None
    clients: list[Client] = field(default_factory=list)
    orphans_deleted: int = 0


class Run:
    def __init__(self, world: World, plan: Plan) -> None:
        self.world, self.plan = world, plan
        self.monitor = Monitor(world)
        rng = random.Random(f"{plan.seed} faults")
        self.injector = Injector(world, rng, faults=FAULTS, fault_counts=FAULT_COUNTS)
        self.outcome = Outcome(plan, injector=self.injector)
        self.faults_over = False

    def execute(self) -> Outcome:
        self.world.add_everything(workers=self.plan.workers)
        self.world.add_teams(self.plan.teams)
        with running_receiver() as receiver:
            self.hooks = Hooks(receiver)
            for team in self.world.teams:
                self.hooks.add_endpoint(team)
            self._timed("start", self._start)
            self._timed("faults", self._inject)
            self._timed("drain", self._drain)
            self._timed("stop", self._stop)
        self._timed("check", self._check)
        return self.outcome

    def _timed(self, name: str, part: Callable[[], None]) -> None:
        started = time.monotonic()
        part()
        self.outcome.seconds[name] = time.monotonic() - started

    def _start(self) -> None:
        self.monitor.start()
        self.world.start()
        self.world.wait_for_web()
        share, rest = divmod(self.plan.jobs, self.plan.teams)
        for number, team in enumerate(self.world.teams):
            jobs = share + (number < rest)
            client = Client(
                team=team,
                site=self.world.site,
                seed=self.plan.seed,
                jobs=jobs,
                may_send=self._may_send,
                models=self.world.models,
            )
            self.outcome.clients.append(client)
            client.thread.start()

    def _may_send(self, number: int) -> bool:
        """Return whether the job may be sent: jobs and faults advance together, so that neither ends first."""
        progress = 1.0 if self.faults_over else self.injector.kills / max(1, self.plan.kills)
        return number < progress * self.plan.jobs / self.plan.teams + 3

    def _inject(self) -> None:
        rng = random.Random(f"{self.plan.seed} pauses")
        while self.injector.kills < self.plan.kills:
            pause_until = time.monotonic() + rng.uniform(0.1, 1.6)
            while time.monotonic() < pause_until:
                self.injector.repair_due()
                time.sleep(0.05)
            self.injector.inject()
        self.faults_over = True

    def _drain(self) -> None:
        """Repair everything and wait until every client is done and every job is finished."""
        self.injector.repair_due(everything=True)
        for proxy in self.world.proxies.values():
            proxy.responses_to_drop, proxy.silent_until, proxy.refuse_until = 0, 0.0, 0.0
        deadline = time.monotonic() + self.plan.drain_seconds
        while time.monotonic() < deadline:
            self.injector.repair_due()
            sending = any(client.thread.is_alive() for client in self.outcome.clients)
            if not sending and self._is_quiet():
                break
            time.sleep(0.1)
        self.monitor.wait_for_workers(RECOVERY_SECONDS)
        for client in self.outcome.clients:
            client.give_up.set()
            client.thread.join(15)

    def _is_quiet(self) -> bool:
        sql = """SELECT (SELECT count(*) FROM jobs_job WHERE state IN ('queued', 'in_progress')
                         OR (deleted_at IS NOT NULL AND files_deleted_at IS NULL))
                      + (SELECT count(*) FROM jobs_jobevent WHERE dispatched_at IS NULL)
                      + (SELECT count(*) FROM webhooks_delivery WHERE state = 'pending')"""
        try:
            with self.monitor.connect() as connection:
                return connection.execute(sql).fetchone() == (0,)
        except psycopg.Error:
            return False

    def _stop(self) -> None:
        """Send SIGTERM to every process. A process that does not exit is found as one that is left."""
        for process in self.world.processes.values():
            process.send(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while any(process.alive for process in self.world.processes.values()) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.monitor.stop()
        for process in self.world.processes.values():
            if not process.alive:
                process.join_log()

    def _check(self) -> None:
        # The checks import the site's models, which need the world's settings.
        from django.db import connections

        from jobs.videos.orphans import sweep_orphans
        from tests.chaos.invariants import Evidence, violations

        connections.close_all()
        # Nothing runs anymore, so no object is too young to be swept.
        self.outcome.orphans_deleted = sweep_orphans(older_than=timedelta(0))
        with self.monitor.connect() as db:
            self.outcome.violations = violations(
                Evidence(self.world, self.monitor, self.outcome.clients, db, self.hooks)
            )
