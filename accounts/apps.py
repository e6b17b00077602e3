from django.apps import AppConfig
from django.core.signals import request_finished
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from accounts import tenancy


class AccountsConfig(AppConfig):
    """Users, teams, memberships and API keys."""

    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        from accounts.tenancy.policies import sync_policies  # noqa: PLC0415 (models load first)

        post_migrate.connect(sync_policies, sender=self)
        request_finished.connect(tenancy.deactivate)
