"""`{{ job.seconds|format_seconds }}`: the length of a video."""

from functools import lru_cache

from django import template
from django.template.defaultfilters import floatformat
from django.utils.translation import get_language, gettext

register = template.Library()


@register.filter
def format_seconds(seconds: float) -> str:
    return _format_in_language(seconds, get_language())


# Uncached, formatting takes 5 % of the time of a page of posters, most of which have one of a few lengths.
@lru_cache(maxsize=1024)
def _format_in_language(seconds: float, _language: str | None) -> str:
    return gettext("%(seconds)s s") % {"seconds": floatformat(seconds, 1)}
