"""Where scenes are played: one portal, two workers for each scene, and the judgement of each scene by itself."""

import signal
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import psycopg

from tests.chaos.mutants import Case
from tests.chaos.scenarios import PATIENCE_SECONDS, STORIES, Scene
from tests.chaos.watch import Watch
from tests.chaos.world import World

# Long enough that a worker on a busy machine does not lose it for want of a processor.
LEASE_TIMEOUT_SECONDS = "4"
# Only the whole run can say these.
NOT_OF_A_SCENE = {"the product's own audit finds nothing", "an outage is answered with 503, never with 500"}


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

    def sql(self, statement: str) -> None:
        with psycopg.connect(**self.watch.address(), autocommit=True) as db:
            db.execute(statement)

    def tell(self, cases: Mapping[str, Case]) -> dict[str, dict[str, list[str]]]:
        """Plays the cases at once; what was violated, by case."""
        patches = "doorbell" if any("doorbell" in case.patches for case in cases.values()) else ""
        reconciler = self.world.add_reconciler(f"rec-{len(self.scenes)}", CHAOS_MUTANTS=patches)
        reconciler.start()
        scenes = {name: self._scene(name, case) for name, case in cases.items()}
        threads = [
            threading.Thread(target=scene.tell, args=[STORIES[cases[name].story]], daemon=True)
            for name, scene in scenes.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5 * PATIENCE_SECONDS)
        self._end([reconciler, *(worker for scene in scenes.values() for worker in (scene.first, scene.second))])
        return {name: self._judge(scene) for name, scene in scenes.items()}

    def _scene(self, name: str, case: Case) -> Scene:
        number = len(self.scenes)
        pool = "cpu" if case.common_pool else f"scene{number}"
        # The successor stores slowly: the zombie, once awake, has its say before it.
        workers = [
            self.world.add_worker(f"gpu{number}{letter}", pool=pool, CHAOS_STORE_SECONDS=seconds, **self._bent(case))
            for letter, seconds in (("a", "1"), ("b", "6"))
        ]
        for worker in workers:
            worker.start()
        scene = Scene(name, self.world, self.watch, self.world.teams[number], *workers, pool)
        self.scenes.append(scene)
        return scene

    def _bent(self, case: Case) -> dict[str, str]:
        return {
            "CHAOS_MUTANTS": case.patches,
            "LEASE_TIMEOUT_SECONDS": LEASE_TIMEOUT_SECONDS,
            "HEARTBEAT_INTERVAL_SECONDS": "0.3",
        }

    def _end(self, processes: list) -> None:
        for process in processes:
            process.send(signal.SIGTERM)
        give_up = time.monotonic() + 8
        while any(process.alive for process in processes) and time.monotonic() < give_up:
            time.sleep(0.05)
        for process in processes:
            process.kill()
            process.join_log()

    def _judge(self, scene: Scene) -> dict[str, list[str]]:
        """The violations that name this scene's jobs or team."""
        from tests.chaos.invariants import Evidence, violations

        ids = [public_id.removeprefix("vid_") for order in scene.client.orders for public_id in order.ids]
        with psycopg.connect(**self.watch.address()) as db:
            found = violations(Evidence(self.world, self.watch, [scene.client], db, None))
        own = {"scene": [scene.trouble]} if scene.trouble else {}
        for name, lines in found.items():
            mine = [line for line in lines if any(job in line.replace("-", "") for job in ids)]
            mine += [line for line in lines if f"team {scene.team.id}:" in line]
            if mine and name not in NOT_OF_A_SCENE:
                own[name] = mine
        return own
