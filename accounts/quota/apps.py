from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class QuotaConfig(AppConfig):
    """What a team may use: plans, wallets, and the ledger that explains every credit."""

    name = "accounts.quota"
    label = "quota"
    verbose_name = _("Plans and credits")
