"""Renditions of a finished video, such as a GIF."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from jobs.models.job import Job


class Rendition(models.Model):
    """A file that is rendered on demand from a video and kept. A file without its row is ignored.

    Like posters and source images, it is not counted in the stored bytes of the team, since it can be rendered again.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="renditions", verbose_name=_("video"))
    name = models.CharField(_("name"), max_length=20)
    key = models.CharField(_("file key"), max_length=200)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "name"], name="rendition_once_per_job_and_name")]

    def __str__(self) -> str:
        return f"{self.name} of {self.job_id}"
