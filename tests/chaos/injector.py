"""Draws faults from a seed, injects them, and repairs them when it is time."""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from portal.embedded.servers import EmbeddedServerError, Server
from tests.chaos.processes import Process
from tests.chaos.world import World


@dataclass(frozen=True)
class InjectedFault:
    """A fault that was injected. held: (job, attempt) of the runs that ended with it, for the recovery times."""

    at: float
    kind: str
    target: str
    held: tuple[tuple[str, int], ...] = ()


@dataclass
class Injector:
    """Draws from a shuffled list, so that a short run has every kind of fault, in an order that the seed decides."""

    world: World
    rng: random.Random
    faults: Mapping[str, "Fault"]
    fault_counts: Mapping[str, int]
    injected: list[InjectedFault] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    _repairs: list[tuple[float, str, Callable[[], None]]] = field(default_factory=list)
    _upcoming: list[str] = field(default_factory=list)
    _held: tuple[tuple[str, int], ...] = ()

    @property
    def kills(self) -> int:
        return sum(fault.kind.startswith("kill") for fault in self.injected)

    def inject(self) -> None:
        """Inject the next fault of the list."""
        if not self._upcoming:
            self._upcoming = [kind for kind, count in self.fault_counts.items() for _ in range(count)]
            self.rng.shuffle(self._upcoming)
        kind = self._upcoming.pop()
        at, self._held = time.time(), ()
        target = self.faults[kind](self)
        if target is None:
            self.skipped[kind] += 1
        else:
            self.injected.append(InjectedFault(at, kind, target, self._held))

    def note_held(self, worker: Process) -> None:
        """Record the jobs that a worker holds, which have to be queued again. Call it before the worker is killed."""
        runs = self.world.scratch.glob(f"{worker.pid}-*/*-*")
        self._held = tuple((job, int(attempt)) for job, _, attempt in (run.name.partition("-") for run in runs))

    def later(self, seconds: float, what: str, repair: Callable[[], None]) -> None:
        self._repairs.append((time.monotonic() + seconds, what, repair))

    def repair_due(self, *, everything: bool = False) -> None:
        """Run the repairs that are due and restart what has exited. Call it often, from the main thread."""
        now = time.monotonic()
        due = [repair for repair in self._repairs if everything or repair[0] <= now]
        self._repairs = [repair for repair in self._repairs if repair not in due]
        for _, _, repair in due:
            repair()
        for server in self.world.servers.servers:
            if server.name not in self.world.lost_servers and server.has_crashed():
                restart(server)
        for process in self.world.processes.values():
            if not process.frozen:
                process.keep_running()

    def is_broken(self, what: str) -> bool:
        return any(name == what for _, name, _ in self._repairs)

    def random_worker(self) -> Process:
        return self.rng.choice(self.world.workers)


def restart(server: Server) -> None:
    for _ in range(5):
        try:
            server.start()
        except EmbeddedServerError:
            time.sleep(0.2)
        else:
            return


Fault = Callable[[Injector], str | None]
"""Returns the target, or None if the fault could not be injected now."""
