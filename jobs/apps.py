from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from accounts.signals import access_revoked, team_deleted


class JobsConfig(AppConfig):
    """The life of a video job, from submission to the published result."""

    name = "jobs"
    verbose_name = _("Videos")

    def ready(self) -> None:
        from jobs.videos.receivers import cancel_jobs_of_member, delete_jobs_of_team  # noqa: PLC0415 (models load first)

        access_revoked.connect(cancel_jobs_of_member)
        team_deleted.connect(delete_jobs_of_team)
