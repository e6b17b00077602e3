from django.apps import AppConfig


class JobsConfig(AppConfig):
    """The life of a video job, from submit to the published result."""

    name = "jobs"
