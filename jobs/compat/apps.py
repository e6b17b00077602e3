from django.apps import AppConfig

from common.tasks.registry import Task, register


class CompatConfig(AppConfig):
    """The APIs of other services: programs written for them need only another base URL and another key."""

    name = "jobs.compat"
    label = "compat"

    def ready(self) -> None:
        from jobs.compat.fal import webhooks as fal  # noqa: PLC0415 (models load first)
        from jobs.compat.replicate import webhooks as replicate  # noqa: PLC0415
        from jobs.compat.uploads import SWEEP_INTERVAL_SECONDS, sweep_uploads  # noqa: PLC0415
        from jobs.webhooks.payloads import PAYLOAD_FORMATS  # noqa: PLC0415

        PAYLOAD_FORMATS.update(replicate.PAYLOAD_FORMATS | fal.PAYLOAD_FORMATS)
        register(Task("sweep_uploads", "files", sweep_uploads, SWEEP_INTERVAL_SECONDS))
