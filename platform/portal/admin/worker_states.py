"""How the state of a worker is shown: its color, and what its models are doing."""

from django.utils.translation import gettext as _

from jobs.models import Worker

STATE_COLORS = {
    "starting": "info",
    "ready": "success",
    "busy": "primary",
    "loading": "info",
    "draining": "warning",
    "unhealthy": "danger",
}


def describe_models(worker: Worker) -> str:
    """Return the models of the worker, the loaded one first, each with what is to be said about it."""
    errors = worker.load_errors
    names = sorted({worker.model, worker.loading_model, *worker.installed_models} - {""})
    notes = {name: _("could not be loaded") for name in errors}
    if len(names) > 1:
        notes[worker.model] = _("loaded")
    notes[worker.loading_model] = _("being loaded")
    ordered = sorted(names, key=lambda name: (name != worker.model, name != worker.loading_model))
    return ", ".join(f"{name} ({notes[name]})" if name in notes else name for name in ordered)
