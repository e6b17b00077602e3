from django.apps import AppConfig

from accounts.signals import account_closed


class ExportsConfig(AppConfig):
    """A person's data as one file to take along, made in the background."""

    name = "jobs.exports"
    label = "exports"

    def ready(self) -> None:
        from jobs.exports.services import drop_exports  # noqa: PLC0415 (models load first)

        account_closed.connect(drop_exports)
