"""The way to the identity provider, which may be away."""

import structlog
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.providers.openid_connect.views import login
from django.http import HttpRequest
from django.http.response import HttpResponseBase

log = structlog.get_logger(__name__)


def sign_in(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """allauth's, which asks the provider for its addresses and does not expect that it may not answer."""
    try:
        response: HttpResponseBase = login(request, provider_id)
    except (OSError, KeyError) as error:  # requests' errors are OSErrors; an address may be missing in the answer
        log.error("identity_provider_unreachable", provider=provider_id, kind=type(error).__name__)
        response = render_authentication_error(request, provider_id, exception=error)
    return response
