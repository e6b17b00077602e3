"""Colours of the states of a worker."""

STATE_COLOURS = {
    "starting": "info",
    "ready": "success",
    "busy": "primary",
    "draining": "warning",
    "unhealthy": "danger",
}
