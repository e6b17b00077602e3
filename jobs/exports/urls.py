"""URLs of the page for exports."""

from django.urls import path

from jobs.exports import views

urlpatterns = [
    path("account/data", views.data, name="account_data"),
    path("account/data/export", views.create_export, name="request_export"),
    path("account/data/<uuid:export_id>", views.download, name="download_export"),
]
