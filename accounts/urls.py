"""URLs of the account pages, besides those of allauth."""

from django.urls import include, path

from accounts.keys import views as keys
from accounts.people import views as people

urlpatterns = [
    path("", include("accounts.teams.urls")),
    path("api-keys", keys.api_keys, name="api_keys"),
    path("api-keys/team", keys.team_keys, name="team_api_keys"),
    path("api-keys/<slug:prefix>", keys.api_key, name="api_key"),
    path("api-keys/<slug:prefix>/rotate", keys.rotate, name="rotate_api_key"),
    path("api-keys/<slug:prefix>/revoke", keys.revoke, name="revoke_api_key"),
    path("account", people.profile, name="account"),
    path("account/sessions/<int:session_id>/end", people.end_session, name="end_session"),
    path("account/close", people.delete, name="close_account"),
    path("account/closed", people.deleted, name="account_deleted"),
    path("language", people.set_language, name="set_language"),
]
