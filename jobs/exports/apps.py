from django.apps import AppConfig

from accounts.signals import account_deleted
from common.tasks.registry import Task, register


class ExportsConfig(AppConfig):
    """Exports of a person's data as one file, which is created in the background."""

    name = "jobs.exports"
    label = "exports"

    def ready(self) -> None:
        from jobs.exports import services  # noqa: PLC0415 (models load first)

        account_deleted.connect(services.expire_exports)
        register(Task("build_export", "exports", services.build_export, takes_id=True))
        register(Task("build_due_exports", "exports", services.build_due_exports, 5, repeats_after_work=True))
        register(Task("delete_expired_exports", "files", services.delete_expired_exports, 5))
