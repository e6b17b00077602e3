"""`{% site_url "name" … %}`: a URL that is passed on to other people or programs."""

from django import template
from django.conf import settings
from django.urls import reverse

from common.urls import absolute_url

register = template.Library()


@register.simple_tag
def site_url(name: str, *args: object) -> str:
    """Return the absolute URL of a page. It follows SITE_URL: the Host header is the choice of the client."""
    return absolute_url(settings.SITE_URL, reverse(name, args=args))
