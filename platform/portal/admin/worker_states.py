"""The states of a worker, in words and colours."""

from django.utils.translation import gettext_lazy as _

STATE_COLOURS = {
    "starting": "info",
    "ready": "success",
    "busy": "primary",
    "draining": "warning",
    "unhealthy": "danger",
}
STATE_LABELS = {
    "starting": _("Starting"),
    "ready": _("Ready"),
    "busy": _("Busy"),
    "draining": _("Draining"),
    "unhealthy": _("Unhealthy"),
}
