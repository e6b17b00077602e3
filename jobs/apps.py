from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from accounts.signals import access_revoked, member_removal_preview, team_deleted
from common.tasks.registry import Task, register
from inference.models.catalogue import load_models_file
from inference.models.files import ModelsFileError


def load_models() -> None:
    """Add the models of MODELS_FILE. Raise ImproperlyConfigured with the key and how to correct it."""
    if settings.MODELS_FILE:
        try:
            load_models_file(settings.MODELS_FILE)
        except ModelsFileError as error:
            raise ImproperlyConfigured(f"MODELS_FILE is not valid.\n{error}") from error


class JobsConfig(AppConfig):
    """The life of a video job, from submission to the published result."""

    name = "jobs"
    verbose_name = _("Videos")

    def ready(self) -> None:
        load_models()
        from jobs.queue.external_jobs import cancel_external_jobs  # noqa: PLC0415
        from jobs.queue.ledger_check import check_ledger  # noqa: PLC0415
        from jobs.videos.cleanup import delete_due_files  # noqa: PLC0415
        from jobs.videos.idempotency import delete_expired_keys  # noqa: PLC0415
        from jobs.videos.orphans import sweep_old_orphans  # noqa: PLC0415
        from jobs.videos.receivers import (  # noqa: PLC0415 (models load first)
            cancel_jobs_of_member,
            delete_jobs_of_team,
            preview_canceled_jobs,
        )

        access_revoked.connect(cancel_jobs_of_member)
        member_removal_preview.connect(preview_canceled_jobs)
        team_deleted.connect(delete_jobs_of_team)
        register(Task("delete_due_files", "files", delete_due_files, 5))
        register(Task("sweep_orphans", "files", sweep_old_orphans, settings.ORPHAN_SWEEP_INTERVAL_SECONDS))
        register(Task("cancel_external_jobs", "files", cancel_external_jobs, 10))
        interval_seconds = settings.MAINTENANCE_INTERVAL_SECONDS
        register(Task("delete_expired_idempotency_keys", "files", delete_expired_keys, interval_seconds))
        register(Task("check_ledger", "files", check_ledger, settings.LEDGER_CHECK_INTERVAL_SECONDS))
