"""URLs of the pages about API keys."""

from django.urls import path

from accounts.keys import views

urlpatterns = [
    path("api-keys", views.api_keys, name="api_keys"),
    path("api-keys/team", views.team_keys, name="team_api_keys"),
    path("api-keys/<slug:prefix>", views.api_key, name="api_key"),
    path("api-keys/<slug:prefix>/rotate", views.rotate, name="rotate_api_key"),
    path("api-keys/<slug:prefix>/revoke", views.revoke, name="revoke_api_key"),
]
