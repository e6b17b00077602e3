from django.apps import AppConfig


class QuotaPagesConfig(AppConfig):
    """The Usage page, and the banners and emails about credits."""

    name = "accounts.quota.pages"
    label = "quota_pages"
