"""The states of a job: one vocabulary in the database, the API, the pages and the logs."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    """Where a job stands. `TRANSITIONS` says what may follow."""

    QUEUED = "queued", _("Queued")  # accepted and paid for in advance, waiting for a worker
    IN_PROGRESS = "in_progress", _("In progress")  # leased to one worker; its attempt number is the fence
    COMPLETED = "completed", _("Completed")  # the result is published and charged
    FAILED = "failed", _("Failed")  # it cannot be made; nothing was charged
    CANCELED = "canceled", _("Canceled")  # its owner withdrew it; nothing was charged
    EXPIRED = "expired", _("Expired")  # its deadline passed before it started; nothing was charged


# Tuples: they are written into CHECK constraints, whose text must not depend on hash order.
TERMINAL = (State.COMPLETED, State.FAILED, State.CANCELED, State.EXPIRED)
ACTIVE = (State.QUEUED, State.IN_PROGRESS)

TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.IN_PROGRESS, State.CANCELED, State.EXPIRED}),
    State.IN_PROGRESS: frozenset({State.QUEUED, State.COMPLETED, State.FAILED, State.CANCELED}),
    State.COMPLETED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELED: frozenset(),
    State.EXPIRED: frozenset(),
}
