"""URLs of the guides."""

from django.urls import path

from portal.docs import views

urlpatterns = [
    path("docs", views.reference, name="reference"),
    path("docs/errors", views.errors, name="errors"),
    path("docs/<slug:slug>", views.guide, name="guide"),
]
