"""Which of a worker's models is loaded, and whether its jobs may overtake jobs of the others.

`claim.py` explains the rule.
"""

import uuid
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Candidate:
    """The job that the fair order puts first, with its tags. credits: its quote, in seconds of the reference GPU."""

    id: uuid.UUID
    model: str
    credits: int
    vram_mb: int
    start_tag: float
    finish_tag: float


@dataclass
class Residency:
    """The resident model of a worker; None if nothing is loaded.

    is_unused: no job has been claimed for it since it was loaded.
    """

    model: str | None = None
    is_unused: bool = False
    # By job, the credits of the jobs that have overtaken it.
    _overtaken: dict[uuid.UUID, int] = field(default_factory=dict)

    def load(self, model: str | None) -> None:
        """Record that this model is loaded now, instead of the one before."""
        self.model, self.is_unused = model, True
        self._overtaken.clear()

    def may_overtake(self, own: Candidate, first: Candidate) -> bool:
        """Return whether a job of the resident model may start before the one that is first."""
        overtaken = self._overtaken.get(first.id, 0)
        return own.start_tag < first.finish_tag and overtaken + own.credits <= first.credits

    def record_overtaking(self, own: Candidate, first: Candidate) -> None:
        self._overtaken[first.id] = self._overtaken.get(first.id, 0) + own.credits
