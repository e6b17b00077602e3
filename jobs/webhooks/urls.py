"""URLs of webhooks: the API and the pages."""

from django.urls import path

from jobs.webhooks import api, views

urlpatterns = [
    path("v1/webhooks", api.WebhooksView.as_view(), name="api_webhooks"),
    path("v1/webhooks/job-secret", api.JobSecretView.as_view(), name="api_webhook_job_secret"),
    path("v1/webhooks/<str:webhook_id>", api.WebhookView.as_view(), name="api_webhook"),
    path("v1/webhooks/<str:webhook_id>/rotate", api.RotateView.as_view(), name="api_webhook_rotate"),
    path("v1/webhooks/<str:webhook_id>/ping", api.PingView.as_view(), name="api_webhook_ping"),
    path("v1/webhooks/<str:webhook_id>/deliveries", api.DeliveriesView.as_view(), name="api_webhook_deliveries"),
    path(
        "v1/webhooks/<str:webhook_id>/deliveries/<str:delivery_id>/redeliver",
        api.RedeliverView.as_view(),
        name="api_webhook_redeliver",
    ),
    path("webhooks", views.webhooks, name="webhooks"),
    path("webhooks/<str:webhook_id>", views.webhook, name="webhook"),
    path("webhooks/<str:webhook_id>/<slug:action>", views.webhook_action, name="webhook_action"),
]
