"""Draws the faults from a seed, lets them fall, and mends what they broke when it is time."""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from portal.embedded.servers import EmbeddedServerError, Server
from tests.chaos.processes import Process
from tests.chaos.world import World


@dataclass(frozen=True)
class Blow:
    """One fault as it happened. `held`: (job, attempt) of the runs that died with it, for the recovery times."""

    at: float
    kind: str
    target: str
    held: tuple[tuple[str, int], ...] = ()


@dataclass
class Injector:
    """Draws from a deck, so that a short run too sees every kind, in an order that the seed decides."""

    world: World
    dice: random.Random
    faults: Mapping[str, "Fault"]
    deck: Mapping[str, int]
    blows: list[Blow] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    _mends: list[tuple[float, str, Callable[[], None]]] = field(default_factory=list)
    _deck: list[str] = field(default_factory=list)
    _held: tuple[tuple[str, int], ...] = ()

    @property
    def kills(self) -> int:
        return sum(blow.kind.startswith("kill") for blow in self.blows)

    def strike(self) -> None:
        """The next fault of the deck."""
        if not self._deck:
            self._deck = [kind for kind, copies in self.deck.items() for _ in range(copies)]
            self.dice.shuffle(self._deck)
        kind = self._deck.pop()
        at, self._held = time.time(), ()
        target = self.faults[kind](self)
        if target is None:
            self.skipped[kind] += 1
        else:
            self.blows.append(Blow(at, kind, target, self._held))

    def note_held(self, worker: Process) -> None:
        """Call it before a worker is killed: what it holds is what has to come back."""
        runs = self.world.scratch.glob(f"{worker.pid}-*/*-*")
        self._held = tuple((job, int(attempt)) for job, _, attempt in (run.name.partition("-") for run in runs))

    def later(self, seconds: float, what: str, mend: Callable[[], None]) -> None:
        self._mends.append((time.monotonic() + seconds, what, mend))

    def heal_due(self, *, everything: bool = False) -> None:
        """Mends what is due, and starts again what has died. Call it often, from the main thread."""
        now = time.monotonic()
        due = [mend for mend in self._mends if everything or mend[0] <= now]
        self._mends = [mend for mend in self._mends if mend not in due]
        for _, _, mend in due:
            mend()
        for server in self.world.servers.servers:
            if server.name not in self.world.lost_servers and server.has_crashed():
                revive(server)
        for process in self.world.processes.values():
            if not process.frozen:
                process.keep_running()

    def is_broken(self, what: str) -> bool:
        return any(name == what for _, name, _ in self._mends)

    def a_worker(self) -> Process:
        return self.dice.choice(self.world.workers)


def revive(server: Server) -> None:
    for _ in range(5):
        try:
            server.start()
        except EmbeddedServerError:
            time.sleep(0.2)
        else:
            return


Fault = Callable[[Injector], str | None]
"""Returns what it hit, or None when it could not fall just now."""
