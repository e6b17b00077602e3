from django.apps import AppConfig


class QuotaViewsConfig(AppConfig):
    """The Usage page, and the banners and emails about credits."""

    name = "accounts.quota.views"
    label = "quota_pages"
