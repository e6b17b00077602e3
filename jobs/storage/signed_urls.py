"""Signed URLs: they give access to the files of a video without key or session, for an hour at most.

All responses with media URLs use them. The signature covers the video, the variant, the viewer and the expiry, so that
none of them can be changed. A signed URL gives access to no more than the video itself: the files of a deleted or
expired video are not available through its URLs either. It ends with the membership, account and API key of its viewer;
one in a webhook, which no key requested, with membership and account.
"""

import time
from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse

from accounts import tenancy
from accounts.roles import Scope
from accounts.teams.access import has_scope
from common.errors import Unauthenticated
from common.urls import Origin, absolute_url
from jobs.models import Job

_SIGNER = Signer(salt="signed-content-url")


def signed_content_url(origin: Origin, job: Job, variant: str = "video") -> str:
    """Return the URL of a variant, valid for DOWNLOAD_URL_MAX_AGE_SECONDS.

    origin: the present request, whose caller is the viewer; or the URL of the site (SITE_URL) if there is none
    (webhooks). Then the viewer is the user who submitted the video.
    """
    if isinstance(origin, str):
        user_id, api_key_id = job.user_id, None  # as for the delivery itself, no key is needed
    else:
        caller = tenancy.current()
        user_id, api_key_id = caller.user_id, caller.api_key_id
    path = reverse("api:video-content", args=[job.public_id])
    expires_at = int(time.time()) + settings.DOWNLOAD_URL_MAX_AGE_SECONDS
    claims = f"{job.team_id}.{user_id or 0}.{api_key_id or 0}.{expires_at}"
    signature = _SIGNER.signature(_signing_input(job.public_id, variant, claims))
    return absolute_url(origin, f"{path}?{urlencode({'variant': variant, 'token': f'{claims}.{signature}'})}")


@dataclass(frozen=True, slots=True)
class SignedUrlClaims:
    """The verified content of a signed URL: the team of the video, its viewer, and the remaining validity."""

    team_id: int
    user_id: int
    api_key_id: int | None
    seconds_left: float

    def require_access(self) -> None:
        """Raise Unauthenticated if the viewer may no longer see the videos of the team."""
        if not has_scope(
            team_id=self.team_id, user_id=self.user_id, scope=Scope.VIDEOS_READ, api_key_id=self.api_key_id
        ):
            raise Unauthenticated(
                "The access that this link was created with has expired or was revoked.", code="link_expired"
            )


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
    team_id, user_id, api_key_id, expires_at = map(int, claims.split("."))
    seconds_left = expires_at - time.time()
    if seconds_left <= 0:
        raise Unauthenticated("This link has expired. Request the video again to get a new one.", code="link_expired")
    return SignedUrlClaims(team_id, user_id, api_key_id or None, seconds_left)


def _signing_input(video_id: str, variant: str, claims: str) -> str:
    return f"{video_id}/{variant}/{claims}"
