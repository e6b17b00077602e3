from django.apps import AppConfig

from accounts.signals import account_deleted


class ExportsConfig(AppConfig):
    """Exports of a person's data as one file, which is created in the background."""

    name = "jobs.exports"
    label = "exports"

    def ready(self) -> None:
        from jobs.exports.services import expire_exports  # noqa: PLC0415 (models load first)

        account_deleted.connect(expire_exports)
