"""What a job ought to do, as simply as it can be said: the model of `test_state_machine`."""

from dataclasses import dataclass

from jobs.fencing import Fence

MAX_CRASHES = 3
ACTIVE = {"queued", "in_progress"}


@dataclass
class ModelJob:
    """What the model knows of a job."""

    team: int
    quoted: int
    state: str = "queued"
    attempt: int = 0
    crashes: int = 0
    paused: bool = False
    cancel_requested: bool = False
    deadline: bool = False
    late: bool = False
    lease_over: bool = False
    deleted: bool = False
    charged: int | None = None
    closing: str = ""

    def holds(self, fence: Fence) -> bool:
        return self.state == "in_progress" and self.attempt == fence.attempt

    @property
    def has_expired(self) -> bool:
        """A deadline is for starting: a job that was started once may come back late."""
        return self.state == "queued" and self.late and self.attempt == 0

    def hear(self, word: str, gpu_seconds: float) -> None:
        """What follows from a worker's word, if it holds the job."""
        match word:
            case "beat":
                self.lease_over = False
            case "complete":
                self.end("completed", charged=min(self.quoted, max(1, round(gpu_seconds))))
            case "fail":
                self.end("failed")
            case "stop":
                self.end("canceled")
            case "crash" | "out of memory":
                self.crash(2 if word == "out of memory" else MAX_CRASHES)
            case _:
                self.requeue(paused=word == "pause")

    def end(self, state: str, charged: int | None = None) -> None:
        self.state, self.charged = state, charged
        self.closing = "release" if charged is None else "settle"

    def requeue(self, *, paused: bool) -> None:
        if self.cancel_requested:
            self.end("canceled")
        else:
            self.state, self.paused, self.lease_over = "queued", paused, False

    def crash(self, most: int) -> None:
        if self.cancel_requested:
            self.end("canceled")
            return
        self.crashes += 1
        if self.crashes >= most:
            self.end("failed")
        else:
            self.requeue(paused=True)
