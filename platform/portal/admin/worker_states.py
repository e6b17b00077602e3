"""Colors of the states of a worker."""

STATE_COLORS = {
    "starting": "info",
    "ready": "success",
    "busy": "primary",
    "draining": "warning",
    "unhealthy": "danger",
}
