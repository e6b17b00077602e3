from django.apps import AppConfig

from accounts.signals import access_revoked, member_removal_preview, team_deleted
from common.tasks.registry import Task, register

# How often the worker looks for events and for deliveries that are due, with Redis and without.
_INTERVAL_SECONDS = 1
_PURGE_INTERVAL_SECONDS = 60


class WebhooksConfig(AppConfig):
    """Webhooks: signed HTTP requests that report events of videos and batches to a team's own servers."""

    name = "jobs.webhooks"
    label = "webhooks"

    def ready(self) -> None:
        from jobs.webhooks.delivery import Deliverer  # noqa: PLC0415 (models load first)
        from jobs.webhooks.outbox import dispatch_outbox  # noqa: PLC0415
        from jobs.webhooks.purge import purge_logs  # noqa: PLC0415
        from jobs.webhooks.receivers import (  # noqa: PLC0415
            disable_endpoints_of_member,
            disable_endpoints_of_team,
            preview_disabled_endpoints,
        )

        access_revoked.connect(disable_endpoints_of_member)
        team_deleted.connect(disable_endpoints_of_team)
        member_removal_preview.connect(preview_disabled_endpoints)
        register(Task("dispatch_outbox", "webhooks", dispatch_outbox, _INTERVAL_SECONDS, repeats_after_work=True))
        # One for the life of the process: it knows the attempts that are in flight.
        deliver = Deliverer().run_once
        register(Task("deliver_webhooks", "webhooks", deliver, _INTERVAL_SECONDS, repeats_after_work=True))
        register(Task("purge_webhook_logs", "files", purge_logs, _PURGE_INTERVAL_SECONDS))
