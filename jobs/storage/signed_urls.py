"""Signed URLs: they give access to the files of a video without key or session, for an hour at most.

All responses with media URLs use them. The signature covers the video, the variant, the team and the expiry, so that
none of them can be changed. A signed URL gives access to no more than the video itself: the files of a deleted or
expired video are not available through its URLs either.
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
    """Return the URL of a variant, valid for DOWNLOAD_URL_MAX_AGE_SECONDS.

    origin: the present request, or the URL of the site (SITE_URL) if there is none (webhooks, batches).
    """
    path = reverse("api:video-content", args=[job.public_id])
    claims = f"{job.team_id}.{int(time.time()) + settings.DOWNLOAD_URL_MAX_AGE_SECONDS}"
    signature = _SIGNER.signature(_signing_input(job.public_id, variant, claims))
    url = f"{path}?{urlencode({'variant': variant, 'token': f'{claims}.{signature}'})}"
    return f"{origin.rstrip('/')}{url}" if isinstance(origin, str) else origin.build_absolute_uri(url)


@dataclass(frozen=True, slots=True)
class SignedUrlClaims:
    """The verified content of a signed URL: the team of the video, and the remaining validity."""

    team_id: int
    seconds_left: float


def verify_token(*, video_id: str, variant: str, token: str) -> SignedUrlClaims:
    """Return the claims of a token. Raises Unauthenticated if the token is invalid or has expired.

    The comparison takes the same time for every wrong signature. Nothing in the token is used before it.
    """
    claims, _, signature = token.rpartition(".")
    try:
        _SIGNER.unsign(f"{_signing_input(video_id, variant, claims)}:{signature}")
    except BadSignature:
        raise Unauthenticated(
            "This link is not valid. Copy the complete link, or request the video again to get a new one.",
            code="link_invalid",
        ) from None
    team_id, _, expires = claims.partition(".")
    seconds_left = int(expires) - time.time()
    if seconds_left <= 0:
        raise Unauthenticated("This link has expired. Request the video again to get a new one.", code="link_expired")
    return SignedUrlClaims(int(team_id), seconds_left)


def _signing_input(video_id: str, variant: str, claims: str) -> str:
    return f"{video_id}/{variant}/{claims}"
