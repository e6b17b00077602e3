from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from common.tasks.registry import Task, register


class QuotaConfig(AppConfig):
    """Plans, wallets, and the ledger that records every movement of credits."""

    name = "accounts.quota"
    label = "quota"
    verbose_name = _("Plans and credits")

    def ready(self) -> None:
        from accounts.quota.emails import create_due_warnings, send_due_warnings  # noqa: PLC0415 (models load first)
        from accounts.quota.grants import grant_due_monthly_credits  # noqa: PLC0415

        interval_seconds = settings.QUOTA_INTERVAL_SECONDS
        register(Task("create_due_warnings", "mail", create_due_warnings, interval_seconds))
        register(Task("send_due_warnings", "mail", send_due_warnings, 5, repeats_after_work=True))
        register(Task("grant_due_monthly_credits", "mail", grant_due_monthly_credits, interval_seconds))
