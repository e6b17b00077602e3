"""URLs of batches: the API and the pages."""

from django.urls import path

from jobs.batches import api, views

urlpatterns = [
    path("v1/batches", api.BatchesView.as_view(), name="api_batches"),
    path("v1/batches/<str:batch_id>", api.BatchView.as_view(), name="api_batch"),
    path("v1/batches/<str:batch_id>/items", api.ItemsView.as_view(), name="api_batch_items"),
    path("v1/batches/<str:batch_id>/cancel", api.CancelBatchView.as_view(), name="api_batch_cancel"),
    path("v1/batches/<str:batch_id>/results", api.ResultsView.as_view(), name="api_batch_results"),
    path("batches", views.batches, name="batches"),
    path("batches/<str:batch_id>", views.batch, name="batch"),
    path("batches/<str:batch_id>/cancel", views.cancel, name="cancel_batch"),
    path("batches/<str:batch_id>/results", views.results, name="batch_results"),
]
