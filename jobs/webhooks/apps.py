from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """Webhooks: signed HTTP requests that report events of videos and batches to a team's own servers."""

    name = "jobs.webhooks"
    label = "webhooks"
