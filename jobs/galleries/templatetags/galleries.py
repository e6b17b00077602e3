"""What the pages about videos show of the gallery, without knowing it."""

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
    """Publish or open in the gallery, and share: for a finished video whose file is there."""
    principal = context["principal"]
    return {
        "job": job,
        "publication": Publication.objects.for_team(principal.team).filter(job=job).first(),
        "may_publish": may_publish(principal, job),
        "may_share": may_share(principal, job),
    }
