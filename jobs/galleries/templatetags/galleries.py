"""Template tags that show the gallery's actions on the pages of videos."""

from typing import Any

from django import template
from django.template import Context

from jobs.galleries.models import Publication
from jobs.galleries.services.publishing import may_publish
from jobs.galleries.services.sharing import may_share
from jobs.models import Job

register = template.Library()


@register.inclusion_tag("galleries/video_actions.html", takes_context=True)
def gallery_actions(context: Context, job: Job) -> dict[str, Any]:
    """Show the buttons to publish or open in the gallery and to share, for a completed video whose file exists."""
    principal = context["principal"]
    return {
        # For the tokens of forms
        "request": context["request"],
        "principal": principal,
        "job": job,
        "publication": Publication.objects.for_team(principal.team).filter(job=job).first(),
        "may_publish": may_publish(principal, job),
        "may_share": may_share(principal, job),
    }
