from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """Tells a team's own servers what became of its videos: endpoints, deliveries, signatures."""

    name = "jobs.webhooks"
    label = "webhooks"
