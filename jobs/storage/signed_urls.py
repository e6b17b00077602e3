"""Addresses that give a video's bytes to whoever has them: no key, no session, for an hour at most.

One mechanism for every answer that hands out media. The signature covers the video, the variant, the team and the end
of the link: none of them can be changed. A link opens no more than the video itself does; one that is deleted or
expired is gone behind its links as well.
"""

import time
from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest
from django.urls import reverse
from rest_framework.request import Request

from common.errors import Unauthenticated
from jobs.models import Job

_SIGNER = Signer(salt="media-link")


def signed_content_url(origin: HttpRequest | Request | str, job: Job, variant: str = "video") -> str:
    """The address of a variant, good for DOWNLOAD_URL_MAX_AGE_SECONDS.

    origin: the request that is answered, or where none is (webhooks, batches) the site's address, SITE_URL.
    """
    path = reverse("api:video-content", args=[job.public_id])
    claims = f"{job.team_id}.{int(time.time()) + settings.DOWNLOAD_URL_MAX_AGE_SECONDS}"
    signature = _SIGNER.signature(_signing_input(job.public_id, variant, claims))
    url = f"{path}?{urlencode({'variant': variant, 'token': f'{claims}.{signature}'})}"
    return f"{origin.rstrip('/')}{url}" if isinstance(origin, str) else origin.build_absolute_uri(url)


@dataclass(frozen=True, slots=True)
class SignedUrlClaims:
    """What a link allows: to read a video of this team, for so long."""

    team_id: int
    seconds_left: float


def verify_token(*, video_id: str, variant: str, token: str) -> SignedUrlClaims:
    """Raises Unauthenticated for a link that is not ours, or has run out.

    The comparison takes the same time for every wrong signature; nothing in the token is believed before it.
    """
    claims, _, signature = token.rpartition(".")
    try:
        _SIGNER.unsign(f"{_signing_input(video_id, variant, claims)}:{signature}")
    except BadSignature:
        message = "This link is not valid. Copy it whole, or ask for the video again to get a new one."
        raise Unauthenticated(message, code="link_invalid") from None
    team_id, _, expires = claims.partition(".")
    seconds_left = int(expires) - time.time()
    if seconds_left <= 0:
        message = "This link has run out. Ask for the video again to get a new one."
        raise Unauthenticated(message, code="link_expired")
    return SignedUrlClaims(int(team_id), seconds_left)


def _signing_input(video_id: str, variant: str, claims: str) -> str:
    return f"{video_id}/{variant}/{claims}"
