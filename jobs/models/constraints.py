"""The constraints, indexes and triggers of the table of jobs."""

import pgtrigger
from django.contrib.postgres.indexes import GinIndex, HashIndex
from django.db import models
from django.db.models import F, Func, Q

from jobs.states import ACTIVE, TERMINAL, State

CONSTRAINTS: list[models.BaseConstraint] = [
    models.CheckConstraint(condition=Q(state__in=State.values), name="job_state_known"),
    models.CheckConstraint(
        condition=Q(state=State.IN_PROGRESS, lease_owner__isnull=False, lease_until__isnull=False)
        | (~Q(state=State.IN_PROGRESS) & Q(lease_owner=None, lease_until=None)),
        name="job_in_progress_iff_leased",
    ),
    models.CheckConstraint(
        condition=Q(state__in=TERMINAL, finished_at__isnull=False) | Q(state__in=ACTIVE, finished_at=None),
        name="job_terminal_iff_finished",
    ),
    models.CheckConstraint(
        condition=(Q(state=State.COMPLETED) & ~Q(result_key="")) | (~Q(state=State.COMPLETED) & Q(result_key="")),
        name="job_completed_iff_result",
    ),
    models.CheckConstraint(
        condition=Q(state=State.COMPLETED, charged_credits__lte=F("quoted_credits"))
        | (~Q(state=State.COMPLETED) & Q(charged_credits=None)),
        name="job_charged_iff_completed",
    ),
]

INDEXES = [
    # The claim: the teams with work in a pool, and the first job of each team.
    models.Index(F("pool"), F("team"), F("priority").desc(), F("id"), condition=Q(state="queued"), name="job_queue"),
    models.Index(fields=["team"], condition=Q(state="in_progress"), name="job_running_of_team"),
    # The reconciler
    models.Index(fields=["lease_until"], condition=Q(state="in_progress"), name="job_lease"),
    models.Index(fields=["deadline_at"], condition=Q(state="queued", deadline_at__isnull=False), name="job_deadline"),
    models.Index(
        fields=["deleted_at"],
        condition=Q(deleted_at__isnull=False, files_deleted_at=None),
        name="job_files_to_delete",
    ),
    models.Index(
        fields=["expires_at"],
        condition=Q(expires_at__isnull=False, files_deleted_at=None),
        name="job_retention",
    ),
    # The files that are kept for videos that are joined with theirs
    models.Index(
        fields=["extends"],
        condition=Q(state__in=ACTIVE, leading_frames__gt=0),
        name="job_joined_with",
    ),
    # The dashboard of the administration: jobs that finished without a video, by state and error
    models.Index(
        fields=["finished_at"],
        include=["state", "error_code"],
        condition=Q(state__in=("failed", "canceled", "expired")),
        name="job_ended_without_video",
    ),
    # Videos that upstream servers may still make for nobody
    models.Index(
        fields=["finished_at"],
        condition=Q(external_is_open=True, state__in=("failed", "canceled", "expired")),
        name="job_external_to_cancel",
    ),
    # The sweep of orphans, which looks up the folders that are in the storage
    HashIndex(fields=["source_key"], name="job_source_key"),
    # History: a team's videos, newest first (ids are ordered by time)
    models.Index(fields=["team", "-id"], condition=Q(deleted_at=None), name="job_history"),
    # The same by state, by model and by words of the prompt. Only finished videos: a row is written into these indexes
    # once, when it finishes, and unfinished videos are few.
    models.Index(
        fields=["team", "state", "-id"], condition=Q(state__in=TERMINAL, deleted_at=None), name="job_of_state"
    ),
    models.Index(
        fields=["team", "model", "-id"], condition=Q(state__in=TERMINAL, deleted_at=None), name="job_of_model"
    ),
    # Migration 0017 describes the n-grams. Without `fastupdate`, because each search would read the list of pending
    # rows once for every period.
    GinIndex(
        Func(F("team_id"), F("id"), F("prompt"), function="jobs_ngrams"),
        condition=Q(state__in=TERMINAL),
        fastupdate=False,
        name="job_ngrams",
    ),
]


class FinishedRowChanged(pgtrigger.AnyChange):
    """True if an update changes any but the excluded columns of a row that was finished before."""

    def resolve(self, model: type[models.Model]) -> str:
        was_finished = pgtrigger.Q(old__state__in=sorted(TERMINAL)).resolve(model)
        return f"{was_finished} AND ({super().resolve(model)})"


TRIGGERS = [
    pgtrigger.Protect(
        name="terminal_rows_are_immutable",
        operation=pgtrigger.Update,
        condition=FinishedRowChanged(
            exclude=["deleted_at", "files_deleted_at", "expires_at", "external_is_open", "user", "api_key"]
        ),
    ),
    pgtrigger.Protect(
        name="terminal_rows_stay",
        operation=pgtrigger.Delete,
        condition=pgtrigger.Q(old__state__in=sorted(TERMINAL)),
    ),
]
