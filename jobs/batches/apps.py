from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BatchesConfig(AppConfig):
    """Many videos asked for at once: taken one by one, watched, canceled and fetched together."""

    name = "jobs.batches"
    label = "batches"
    verbose_name = _("Batches")
