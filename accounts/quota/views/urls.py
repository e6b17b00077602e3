"""URLs of the pages about credits."""

from django.urls import path

from accounts.quota.views import banners, csv_export, usage

urlpatterns = [
    path("usage", usage.usage, name="usage"),
    path("usage.csv", csv_export.usage_csv, name="usage_csv"),
    path("usage/notices/<str:key>/dismiss", banners.dismiss, name="dismiss_notice"),
]
