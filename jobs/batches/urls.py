"""Addresses of the batches: of the API, and of their pages."""

from django.urls import path

from jobs.batches import api, pages

urlpatterns = [
    path("v1/batches", api.BatchesView.as_view(), name="api_batches"),
    path("v1/batches/<str:batch_id>", api.BatchView.as_view(), name="api_batch"),
    path("v1/batches/<str:batch_id>/items", api.ItemsView.as_view(), name="api_batch_items"),
    path("v1/batches/<str:batch_id>/cancel", api.CancelView.as_view(), name="api_batch_cancel"),
    path("v1/batches/<str:batch_id>/results", api.ResultsView.as_view(), name="api_batch_results"),
    path("batches", pages.batches, name="batches"),
    path("batches/<str:batch_id>", pages.batch, name="batch"),
    path("batches/<str:batch_id>/cancel", pages.cancel, name="cancel_batch"),
    path("batches/<str:batch_id>/results", pages.results, name="batch_results"),
]
