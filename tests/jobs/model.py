"""The expected behaviour of a job, as simple as possible: the model of `test_state_machine`."""

from dataclasses import dataclass

from jobs.fencing import Fence

MAX_CRASHES = 3
ACTIVE = {"queued", "in_progress"}


@dataclass
class ModelJob:
    """The state of a job in the model."""

    team: int
    quoted: int
    state: str = "queued"
    attempt: int = 0
    crashes: int = 0
    is_delayed: bool = False
    cancel_requested: bool = False
    has_deadline: bool = False
    deadline_passed: bool = False
    lease_expired: bool = False
    deleted: bool = False
    charged: int | None = None
    # The kind of the ledger entry that follows the reserve; empty while the job is not finished.
    final_entry: str = ""

    def is_held_by(self, fence: Fence) -> bool:
        return self.state == "in_progress" and self.attempt == fence.attempt

    @property
    def has_expired(self) -> bool:
        """A deadline applies to the start: a job that was started once may be requeued after it."""
        return self.state == "queued" and self.deadline_passed and self.attempt == 0

    def apply(self, action: str, gpu_seconds: float) -> None:
        """Apply an action of the worker that holds the job."""
        match action:
            case "renew":
                self.lease_expired = False
            case "complete":
                self.finish("completed", charged=min(self.quoted, max(1, round(gpu_seconds))))
            case "fail":
                self.finish("failed")
            case "confirm cancel":
                self.finish("canceled")
            case "crash" | "out of memory":
                self.crash(2 if action == "out of memory" else MAX_CRASHES)
            case _:
                self.requeue(is_delayed=action == "requeue with delay")

    def finish(self, state: str, charged: int | None = None) -> None:
        self.state, self.charged = state, charged
        self.final_entry = "release" if charged is None else "settle"

    def requeue(self, *, is_delayed: bool) -> None:
        if self.cancel_requested:
            self.finish("canceled")
        else:
            self.state, self.is_delayed, self.lease_expired = "queued", is_delayed, False

    def crash(self, max_crashes: int) -> None:
        if self.cancel_requested:
            self.finish("canceled")
            return
        self.crashes += 1
        if self.crashes >= max_crashes:
            self.finish("failed")
        else:
            self.requeue(is_delayed=True)
