"""Signal receivers that cancel the jobs of members and teams that lost access."""

from collections.abc import Set as AbstractSet
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import ngettext

from accounts.models import Team, User
from accounts.roles import Scope
from common.clock import DatabaseNow
from common.tasks.queues import enqueue_on_commit
from jobs.models import Job
from jobs.queue.cancel import cancel_job
from jobs.states import ACTIVE


def cancel_jobs_of_member(sender: object, *, team: Team, user: User, scopes: AbstractSet[Scope], **_: Any) -> None:
    """Receive `access_revoked`: cancel the jobs of a member who may not make videos any more."""
    if Scope.VIDEOS_WRITE not in scopes:
        _cancel_all(Job.objects.filter(team=team, user=user))


def preview_canceled_jobs(sender: object, *, team: Team, user: User, **_: Any) -> str:
    """Receive `member_removal_preview`."""
    count = Job.objects.filter(team=team, user=user, state__in=ACTIVE).count()
    if not count:
        return ""
    return ngettext(
        "%(count)s unfinished video is canceled without a charge.",
        "%(count)s unfinished videos are canceled without a charge.",
        count,
    ) % {"count": count}


@transaction.atomic
def delete_jobs_of_team(sender: object, *, team: Team, **_: Any) -> None:
    """Receive `team_deleted`: cancel the team's jobs, and mark all its videos as deleted."""
    _cancel_all(Job.objects.filter(team=team))
    Job.objects.filter(team=team, deleted_at=None).update(deleted_at=DatabaseNow())
    enqueue_on_commit("delete_due_files")


@transaction.atomic
def _cancel_all(jobs: QuerySet[Job]) -> None:
    # Lock all rows before the first cancel locks the wallet: finishing a single job takes locks in the same order.
    for job in list(jobs.filter(state__in=ACTIVE).order_by("pk").select_for_update()):
        cancel_job(job=job)
