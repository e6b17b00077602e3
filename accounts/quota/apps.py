from django.apps import AppConfig


class QuotaConfig(AppConfig):
    """What a team may use: plans, wallets, and the ledger that explains every credit."""

    name = "accounts.quota"
    label = "quota"
