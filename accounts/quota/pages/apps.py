from django.apps import AppConfig


class QuotaPagesConfig(AppConfig):
    """What people see of their credits: the Usage page, and the warnings above every page and by mail."""

    name = "accounts.quota.pages"
    label = "quota_pages"
