from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class QuotaConfig(AppConfig):
    """Plans, wallets, and the ledger that records every movement of credits."""

    name = "accounts.quota"
    label = "quota"
    verbose_name = _("Plans and credits")
