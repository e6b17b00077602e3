"""Addresses of the pages about credits."""

from django.urls import path

from accounts.quota.pages import download, notices, usage

urlpatterns = [
    path("usage", usage.usage, name="usage"),
    path("usage.csv", download.usage_csv, name="usage_csv"),
    path("usage/notices/<str:key>/dismiss", notices.dismiss, name="dismiss_notice"),
]
