"""A worker on a simulated clock: it claims from the real queue, and its videos take as long as their quotes."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from jobs.models import Job
from jobs.queue.claim import ModelSwap, _candidate, _parameters, claim_job_or_swap
from jobs.queue.residency import Candidate, Residency


@dataclass(frozen=True)
class SimulatedStart:
    """The start of a job at a time in seconds.

    wait: since when a worker that has every model loaded would have started the job `first` of this team.
    """

    job: Job
    at: float
    wait: float
    first: Candidate | None


@dataclass
class SimulatedWorker:
    """A worker with these models, of which the first one is loaded."""

    models: Sequence[str]
    swap_seconds: float
    residency: Residency = field(default_factory=Residency)
    now: float = 0.0
    swaps: int = 0
    _id: uuid.UUID = field(default_factory=uuid.uuid4)

    def run(self) -> Iterator[SimulatedStart]:
        """Run the jobs of the pool `cpu` until there is none."""
        self.residency.load(self.models[0])
        turns: dict[int, tuple[float, Candidate]] = {}
        while True:
            if first := _candidate(_parameters("cpu", self._id, self.models, 0)):
                turns.setdefault(Job.objects.values_list("team_id", flat=True).get(pk=first.id), (self.now, first))
            claimed = claim_job_or_swap(
                pool="cpu", worker_id=self._id, models=self.models, vram_mb=0, residency=self.residency
            )
            if claimed is None:
                return
            if isinstance(claimed, ModelSwap):
                self.now += self.swap_seconds
                self.swaps += 1
                self.residency.load(claimed.model)
                continue
            turn, first = turns.pop(claimed.team_id, (self.now, None))
            yield SimulatedStart(claimed, self.now, self.now - turn, first)
            self.now += claimed.quoted_credits
