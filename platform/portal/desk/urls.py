"""Addresses of the desk outside the admin site."""

from django.urls import path

from portal.desk import views

urlpatterns = [
    path("desk/stop-viewing", views.stop_viewing, name="stop_viewing"),
    path("desk/announcements/<int:key>/dismiss", views.dismiss_announcement, name="dismiss_announcement"),
]
