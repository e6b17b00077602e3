"""The states of a job, with the same names in the database, the API, the pages and the logs."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    """The state of a job. `TRANSITIONS` lists the states that may follow each one."""

    QUEUED = "queued", _("Queued")  # accepted, its credits are reserved, waiting for a worker
    IN_PROGRESS = "in_progress", _("In progress")  # leased to one worker; the attempt number is the fencing token
    COMPLETED = "completed", _("Completed")  # the result is published and charged
    FAILED = "failed", _("Failed")  # the video cannot be made; nothing was charged
    CANCELED = "canceled", _("Canceled")  # canceled by its owner; nothing was charged
    EXPIRED = "expired", _("Expired")  # the deadline passed before the job started; nothing was charged


# Tuples, because they are written into CHECK constraints, whose text must not depend on hash order.
TERMINAL = (State.COMPLETED, State.FAILED, State.CANCELED, State.EXPIRED)
ACTIVE = (State.QUEUED, State.IN_PROGRESS)

TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.IN_PROGRESS, State.FAILED, State.CANCELED, State.EXPIRED}),
    State.IN_PROGRESS: frozenset({State.QUEUED, State.COMPLETED, State.FAILED, State.CANCELED}),
    State.COMPLETED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELED: frozenset(),
    State.EXPIRED: frozenset(),
}
