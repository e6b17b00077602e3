"""Addresses of the account's pages, beside those of allauth."""

from django.urls import path
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from accounts import views

urlpatterns = [
    path("api-keys", views.api_keys, name="api_keys"),
    path("api-keys/<slug:prefix>/revoke", views.revoke, name="revoke_api_key"),
    path("language", require_POST(set_language), name="set_language"),
]
