"""Runs scenarios: one portal, two workers for each run, and a check of each run by itself."""

import signal
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import LiteralString, Self

from tests.chaos.monitor import Monitor
from tests.chaos.mutants import Case
from tests.chaos.processes import Process
from tests.chaos.scenarios import SCENARIOS, TIMEOUT_SECONDS, ScenarioRun
from tests.chaos.world import World

# Long enough that a worker on a busy machine does not lose its lease for lack of a processor.
LEASE_TIMEOUT_SECONDS = "4"
# Only a whole run can check these.
CHECKS_OF_A_WHOLE_RUN = {
    "the product's own ledger check finds nothing",
    "an outage is answered with 503, never with 500",
}


class ScenarioRunner:
    def __init__(self) -> None:
        self.world = World()
        self.monitor = Monitor(self.world)
        self.runs: list[ScenarioRun] = []

    def __enter__(self) -> Self:
        self.world.__enter__()
        self.world.add_web()
        self.world.add_teams(10)
        self.monitor.start()
        self.world.start()
        self.world.wait_for_web()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.monitor.stop()
        self.world.__exit__(kind, error, trace)

    def sql(self, statement: LiteralString) -> None:
        with self.monitor.connect(autocommit=True) as db:
            db.execute(statement)

    def execute(self, cases: Mapping[str, Case]) -> dict[str, dict[str, list[str]]]:
        """Run the cases concurrently and return their violations by case."""
        patches = "wakeup" if any("wakeup" in case.patches for case in cases.values()) else ""
        reconciler = self.world.add_reconciler(f"rec-{len(self.runs)}", CHAOS_MUTANTS=patches)
        reconciler.start()
        runs = {name: self._start_run(name, case) for name, case in cases.items()}
        threads = [
            threading.Thread(target=run.execute, args=[SCENARIOS[cases[name].scenario]], daemon=True)
            for name, run in runs.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5 * TIMEOUT_SECONDS)
        self._stop([reconciler, *(worker for run in runs.values() for worker in (run.first, run.second))])
        return {name: self._check(run) for name, run in runs.items()}

    def _start_run(self, name: str, case: Case) -> ScenarioRun:
        number = len(self.runs)
        pool = "cpu" if case.common_pool else f"scenario{number}"
        # The successor stores slowly, so that the zombie finishes first once it is resumed.
        first, second = (
            self.world.add_worker(
                f"gpu{number}{letter}", pool=pool, CHAOS_STORE_SECONDS=seconds, **self._variables(case)
            )
            for letter, seconds in (("a", "1"), ("b", "6"))
        )
        first.start()
        second.start()
        run = ScenarioRun(name, self.world, self.monitor, self.world.teams[number], first, second, pool)
        self.runs.append(run)
        return run

    def _variables(self, case: Case) -> dict[str, str]:
        return {
            "CHAOS_MUTANTS": case.patches,
            "LEASE_TIMEOUT_SECONDS": LEASE_TIMEOUT_SECONDS,
            "HEARTBEAT_INTERVAL_SECONDS": "0.3",
        }

    def _stop(self, processes: list[Process]) -> None:
        for process in processes:
            process.send(signal.SIGTERM)
        deadline = time.monotonic() + 8
        while any(process.alive for process in processes) and time.monotonic() < deadline:
            time.sleep(0.05)
        for process in processes:
            process.kill()
            process.join_log()

    def _check(self, run: ScenarioRun) -> dict[str, list[str]]:
        """Return the violations that name the jobs or the team of this run."""
        from tests.chaos.invariants import Evidence, violations

        ids = [public_id.removeprefix("vid_") for submission in run.client.submissions for public_id in submission.ids]
        with self.monitor.connect() as db:
            found = violations(Evidence(self.world, self.monitor, [run.client], db, None))
        own = {"scenario": [run.error]} if run.error else {}
        for name, lines in found.items():
            of_run = [line for line in lines if any(job in line.replace("-", "") for job in ids)]
            of_run += [line for line in lines if f"team {run.team.id}:" in line]
            if of_run and name not in CHECKS_OF_A_WHOLE_RUN:
                own[name] = of_run
        return own
