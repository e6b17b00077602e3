"""Runs scenes: one portal, two workers for each scene, and a check of each scene by itself."""

import signal
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import LiteralString, Self

from tests.chaos.mutants import Case
from tests.chaos.processes import Process
from tests.chaos.scenarios import SCENARIOS, TIMEOUT_SECONDS, Scene
from tests.chaos.watch import Watch
from tests.chaos.world import World

# Long enough that a worker on a busy machine does not lose its lease for lack of a processor.
LEASE_TIMEOUT_SECONDS = "4"
# Only a whole run can check these.
NOT_OF_A_SCENE = {"the product's own ledger check finds nothing", "an outage is answered with 503, never with 500"}


class Stage:
    def __init__(self) -> None:
        self.world = World()
        self.watch = Watch(self.world)
        self.scenes: list[Scene] = []

    def __enter__(self) -> Self:
        self.world.__enter__()
        self.world.add_web()
        self.world.add_teams(10)
        self.watch.start()
        self.world.start()
        self.world.wait_for_web()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.watch.stop()
        self.world.__exit__(kind, error, trace)

    def sql(self, statement: LiteralString) -> None:
        with self.watch.connect(autocommit=True) as db:
            db.execute(statement)

    def play(self, cases: Mapping[str, Case]) -> dict[str, dict[str, list[str]]]:
        """Run the cases concurrently and return their violations by case."""
        patches = "wakeup" if any("wakeup" in case.patches for case in cases.values()) else ""
        reconciler = self.world.add_reconciler(f"rec-{len(self.scenes)}", CHAOS_MUTANTS=patches)
        reconciler.start()
        scenes = {name: self._scene(name, case) for name, case in cases.items()}
        threads = [
            threading.Thread(target=scene.play, args=[SCENARIOS[cases[name].scenario]], daemon=True)
            for name, scene in scenes.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5 * TIMEOUT_SECONDS)
        self._end([reconciler, *(worker for scene in scenes.values() for worker in (scene.first, scene.second))])
        return {name: self._check(scene) for name, scene in scenes.items()}

    def _scene(self, name: str, case: Case) -> Scene:
        number = len(self.scenes)
        pool = "cpu" if case.common_pool else f"scene{number}"
        # The successor stores slowly, so that the zombie finishes first once it is resumed.
        first, second = (
            self.world.add_worker(
                f"gpu{number}{letter}", pool=pool, CHAOS_STORE_SECONDS=seconds, **self._variables(case)
            )
            for letter, seconds in (("a", "1"), ("b", "6"))
        )
        first.start()
        second.start()
        scene = Scene(name, self.world, self.watch, self.world.teams[number], first, second, pool)
        self.scenes.append(scene)
        return scene

    def _variables(self, case: Case) -> dict[str, str]:
        return {
            "CHAOS_MUTANTS": case.patches,
            "LEASE_TIMEOUT_SECONDS": LEASE_TIMEOUT_SECONDS,
            "HEARTBEAT_INTERVAL_SECONDS": "0.3",
        }

    def _end(self, processes: list[Process]) -> None:
        for process in processes:
            process.send(signal.SIGTERM)
        deadline = time.monotonic() + 8
        while any(process.alive for process in processes) and time.monotonic() < deadline:
            time.sleep(0.05)
        for process in processes:
            process.kill()
            process.join_log()

    def _check(self, scene: Scene) -> dict[str, list[str]]:
        """Return the violations that name this scene's jobs or team."""
        from tests.chaos.invariants import Evidence, violations

        ids = [
            public_id.removeprefix("vid_") for submission in scene.client.submissions for public_id in submission.ids
        ]
        with self.watch.connect() as db:
            found = violations(Evidence(self.world, self.watch, [scene.client], db, None))
        own = {"scene": [scene.error]} if scene.error else {}
        for name, lines in found.items():
            of_scene = [line for line in lines if any(job in line.replace("-", "") for job in ids)]
            of_scene += [line for line in lines if f"team {scene.team.id}:" in line]
            if of_scene and name not in NOT_OF_A_SCENE:
                own[name] = of_scene
        return own
