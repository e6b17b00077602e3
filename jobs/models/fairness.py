"""The state of start-time fair queueing (`jobs/queue/claim.py`)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Team


class TeamShare(models.Model):
    """The state of a team in the fair queueing of a pool.

    `finish_tag` is the virtual time at which the team's last claimed job finishes. The claim selects the team with the
    smallest start tag, max(pool's virtual time, finish_tag). A team that was idle starts at the present virtual time
    and gets no advantage from the idle time.
    """

    pool = models.CharField(_("pool"), max_length=40)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", verbose_name=_("team"))
    finish_tag = models.FloatField(_("finish tag"), default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pool", "team"], name="share_of_team_in_pool")]

    def __str__(self) -> str:
        return f"{self.team_id} in {self.pool}: {self.finish_tag:.1f}"


class Pool(models.Model):
    """A queue that is served by one kind of worker. `virtual_time` is the start tag of the job claimed last."""

    name = models.CharField(_("name"), max_length=40, primary_key=True)
    virtual_time = models.FloatField(_("virtual time"), default=0)

    def __str__(self) -> str:
        return self.name
