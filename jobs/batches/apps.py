from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BatchesConfig(AppConfig):
    """Batches: many videos that are submitted, followed, canceled and downloaded together."""

    name = "jobs.batches"
    label = "batches"
    verbose_name = _("Batches")
