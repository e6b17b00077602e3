"""One run: start the portal, let the clients work and the faults fall, heal, drain, stop, judge."""

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg

from tests.chaos.clients import Client
from tests.chaos.faults import DECK, FAULTS
from tests.chaos.hooks import Hooks
from tests.chaos.injector import Injector
from tests.chaos.watch import Watch
from tests.chaos.world import World
from tests.support.webhook_receiver import receiving

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
    orphans_swept: int = 0


class Run:
    def __init__(self, world: World, plan: Plan) -> None:
        self.world, self.plan = world, plan
        self.watch = Watch(world)
        dice = random.Random(f"{plan.seed} faults")
        self.injector = Injector(world, dice, faults=FAULTS, deck=DECK)
        self.outcome = Outcome(plan, injector=self.injector)
        self.faults_over = False

    def play(self) -> Outcome:
        self.world.add_everything(workers=self.plan.workers)
        self.world.add_teams(self.plan.teams)
        with receiving() as receiver:
            self.hooks = Hooks(receiver)
            for team in self.world.teams:
                self.hooks.add_endpoint(team)
            self._timed("start", self._start)
            self._timed("faults", self._strike)
            self._timed("drain", self._drain)
            self._timed("stop", self._stop)
        self._timed("judge", self._judge)
        return self.outcome

    def _timed(self, name: str, part: Callable[[], None]) -> None:
        started = time.monotonic()
        part()
        self.outcome.seconds[name] = time.monotonic() - started

    def _start(self) -> None:
        self.watch.start()
        self.world.start()
        self.world.wait_for_web()
        share, rest = divmod(self.plan.jobs, self.plan.teams)
        for number, team in enumerate(self.world.teams):
            jobs = share + (number < rest)
            client = Client(team=team, site=self.world.site, seed=self.plan.seed, jobs=jobs, may_send=self._may_send)
            self.outcome.clients.append(client)
            client.thread.start()

    def _may_send(self, number: int) -> bool:
        """Keeps the jobs in step with the faults, so that neither runs out before the other."""
        progress = 1.0 if self.faults_over else self.injector.kills / max(1, self.plan.kills)
        return number < progress * self.plan.jobs / self.plan.teams + 3

    def _strike(self) -> None:
        dice = random.Random(f"{self.plan.seed} pauses")
        while self.injector.kills < self.plan.kills:
            pause_until = time.monotonic() + dice.uniform(0.1, 1.6)
            while time.monotonic() < pause_until:
                self.injector.heal_due()
                time.sleep(0.05)
            self.injector.strike()
        self.faults_over = True

    def _drain(self) -> None:
        """Mends everything and waits until every client is done and every job is closed."""
        self.injector.heal_due(everything=True)
        for line in self.world.lines.values():
            line.swallow_commits, line.silent_until, line.refuse_until = 0, 0.0, 0.0
        give_up = time.monotonic() + self.plan.drain_seconds
        while time.monotonic() < give_up:
            self.injector.heal_due()
            sending = any(client.thread.is_alive() for client in self.outcome.clients)
            if not sending and self._is_quiet():
                break
            time.sleep(0.1)
        self.watch.wait_for_workers(RECOVERY_SECONDS)
        for client in self.outcome.clients:
            client.give_up.set()
            client.thread.join(15)

    def _is_quiet(self) -> bool:
        sql = """SELECT (SELECT count(*) FROM jobs_job WHERE state IN ('queued', 'in_progress')
                         OR (deleted_at IS NOT NULL AND files_deleted_at IS NULL))
                      + (SELECT count(*) FROM jobs_jobevent WHERE dispatched_at IS NULL)
                      + (SELECT count(*) FROM webhooks_delivery WHERE state = 'pending')"""
        try:
            with psycopg.connect(**self.watch.address()) as connection:
                return connection.execute(sql).fetchone() == (0,)
        except psycopg.Error:
            return False

    def _stop(self) -> None:
        """A SIGTERM for every process. What does not end by itself is a violation, found as a process that is left."""
        for process in self.world.processes.values():
            process.send(signal.SIGTERM)
        give_up = time.monotonic() + STOP_SECONDS
        while any(process.alive for process in self.world.processes.values()) and time.monotonic() < give_up:
            time.sleep(0.05)
        self.watch.stop()
        for process in self.world.processes.values():
            if not process.alive:
                process.join_log()

    def _judge(self) -> None:
        # The checks import the site's models: not before the world has made its settings.
        from django.db import connections

        from jobs.videos.orphans import sweep_orphans
        from tests.chaos.invariants import Evidence, violations

        connections.close_all()
        # Nothing runs any more, so nothing is too young to be swept.
        self.outcome.orphans_swept = sweep_orphans(older_than=timedelta(0))
        with psycopg.connect(**self.watch.address()) as db:
            self.outcome.violations = violations(Evidence(self.world, self.watch, self.outcome.clients, db, self.hooks))
