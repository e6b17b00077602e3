"""URLs of a person's own pages, besides those of allauth."""

from django.urls import path

from accounts.people import views

urlpatterns = [
    path("account", views.profile, name="account"),
    path("account/sessions/<int:session_id>/end", views.end_session, name="end_session"),
    path("account/close", views.delete, name="close_account"),
    path("account/closed", views.deleted, name="account_deleted"),
    path("language", views.set_language, name="set_language"),
]
