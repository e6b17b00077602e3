"""`{% form_token %}` and `{% form_nonce %}`: the hidden fields of forms on the pages of a team."""

import uuid

from django import template
from django.middleware.csrf import get_token
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.auth import form_nonce as nonce
from accounts.auth import page_team

register = template.Library()

_FIELD = '<input type="hidden" name="{}" value="{}" autocomplete="off">'


@register.simple_tag(takes_context=True)
def form_token(context: Context) -> SafeString:
    """Return the CSRF token and the team that the page is rendered for."""
    principal = context["principal"]
    team = format_html(_FIELD, page_team.FIELD, str(principal.team.pk)) if principal else ""
    return format_html(_FIELD + "{}", "csrfmiddlewaretoken", get_token(context["request"]), team)


@register.simple_tag
def form_nonce() -> SafeString:
    """Return a new nonce, with which the form is submitted once."""
    return format_html(_FIELD, nonce.FIELD, uuid.uuid4().hex)
