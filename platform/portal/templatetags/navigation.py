"""`{% aria_current "team" "team_member" %}`: marks a link of the navigation whose pages include the present one."""

from django import template
from django.http import HttpRequest
from django.template import Context
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.simple_tag(takes_context=True)
def aria_current(context: Context, *url_names: str) -> SafeString | str:
    """Return the attribute if the request's URL has one of these names."""
    request: HttpRequest = context["request"]
    match = request.resolver_match
    return mark_safe('aria-current="page"') if match and match.url_name in url_names else ""
