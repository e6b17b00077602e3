"""Sign-in through an identity provider, which may be unreachable."""

import structlog
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.providers.openid_connect.views import login
from django.http import HttpRequest
from django.http.response import HttpResponseBase

log = structlog.get_logger(__name__)


def sign_in(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Redirect to the provider. allauth's view fetches the provider's URLs without handling failures."""
    try:
        response: HttpResponseBase = login(request, provider_id)
    except (OSError, KeyError) as error:  # requests' errors are OSErrors; a URL may be missing in the response
        log.error("identity_provider_unreachable", provider=provider_id, kind=type(error).__name__)
        response = render_authentication_error(request, provider_id, exception=error)
    return response
