"""Changes the priority of a queued job within its team."""

from jobs.models import Job, Priority
from jobs.states import State


def set_priority(*, job: Job, priority: Priority) -> bool:
    """Set the priority of a queued job. Return False if the job is no longer queued or has this priority already."""
    return bool(Job.objects.filter(pk=job.pk, state=State.QUEUED).exclude(priority=priority).update(priority=priority))
