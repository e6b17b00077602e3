from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from common.tasks.registry import Task, register


class AuditConfig(AppConfig):
    """The audit log: who changed what, when and from where. Append-only and written by database triggers."""

    name = "accounts.audit"
    label = "audit"
    verbose_name = _("Audit")

    def ready(self) -> None:
        from accounts.audit import receivers  # noqa: F401, PLC0415 (connects its receivers; models load first)
        from accounts.audit.services import purge  # noqa: PLC0415

        register(Task("purge_audit_log", "files", purge, settings.MAINTENANCE_INTERVAL_SECONDS))
