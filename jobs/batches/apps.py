from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from accounts.signals import access_revoked
from common.tasks.registry import Task, register


class BatchesConfig(AppConfig):
    """Batches: many videos that are submitted, followed, canceled and downloaded together."""

    name = "jobs.batches"
    label = "batches"
    verbose_name = _("Batches")

    def ready(self) -> None:
        from jobs.batches.receivers import end_webhooks_of_member  # noqa: PLC0415 (models load first)
        from jobs.batches.services import finish_due_batches  # noqa: PLC0415

        access_revoked.connect(end_webhooks_of_member)
        # On the queue of the webhooks, one of which reports that the batch has finished.
        register(Task("finish_due_batches", "webhooks", finish_due_batches, 1))
