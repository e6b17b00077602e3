"""URLs of the admin's buttons on other pages, outside the admin site."""

from django.urls import path

from portal.admin import views

urlpatterns = [
    path("desk/stop-viewing", views.stop_impersonation, name="stop_impersonation"),
    path("desk/announcements/<int:key>/dismiss", views.dismiss_announcement, name="dismiss_announcement"),
]
