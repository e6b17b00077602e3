"""Moves a waiting job within its team's line."""

from jobs.models import Job, Priority
from jobs.states import State


def set_priority(*, job: Job, priority: Priority) -> bool:
    """Returns False when the job is queued no more, or has this priority already."""
    return bool(Job.objects.filter(pk=job.pk, state=State.QUEUED).exclude(priority=priority).update(priority=priority))
