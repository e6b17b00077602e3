"""`{{ job.seconds|in_seconds }}`: how long a video is, as its card says."""

from functools import lru_cache

from django import template
from django.template.defaultfilters import floatformat
from django.utils.translation import get_language, gettext

register = template.Library()


@register.filter
def format_seconds(seconds: float) -> str:
    return _format_in_language(seconds, get_language())


# Words and number take a twentieth of a page of posters, most of which are of a few lengths.
@lru_cache(maxsize=1024)
def _format_in_language(seconds: float, _language: str | None) -> str:
    return gettext("%(seconds)s s") % {"seconds": floatformat(seconds, 1)}
