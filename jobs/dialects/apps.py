from django.apps import AppConfig


class DialectsConfig(AppConfig):
    """The languages of other services, so that programs written for them need another address and key, and no more."""

    name = "jobs.dialects"
    label = "dialects"

    def ready(self) -> None:
        from jobs.dialects.fal import webhooks as fal  # noqa: PLC0415 (models load first)
        from jobs.dialects.replicate import webhooks as replicate  # noqa: PLC0415
        from jobs.webhooks.forms import FORMS  # noqa: PLC0415

        FORMS.update(replicate.FORMS | fal.FORMS)
