"""Addresses of the account's pages, beside those of allauth."""

from django.urls import include, path

from accounts import views
from accounts.people import views as people

urlpatterns = [
    path("", include("accounts.teams.urls")),
    path("api-keys", views.api_keys, name="api_keys"),
    path("api-keys/<slug:prefix>/revoke", views.revoke, name="revoke_api_key"),
    path("account", people.profile, name="account"),
    path("account/sessions/<int:session_id>/end", people.end_session, name="end_session"),
    path("account/close", people.close, name="close_account"),
    path("account/closed", people.closed, name="account_closed"),
    path("language", people.set_language, name="set_language"),
]
