"""Tokens for event streams: an EventSource of a browser sends no headers, and so no API key.

A token gives access to the events of one video on behalf of the API key that asked for it, and ends with that key.
"""

import time

from django.conf import settings
from django.core.signing import BadSignature, Signer

from common.errors import Unauthenticated
from jobs.events.authorization import Viewer

_SIGNER = Signer(salt="event-stream")


def create_token(*, video_id: str, viewer: Viewer) -> str:
    """Return a token that is valid for DOWNLOAD_URL_MAX_AGE_SECONDS at most, and for half of that at least.

    It changes only once in that time, so that the ETag of a video does not change with each request.
    """
    half = settings.DOWNLOAD_URL_MAX_AGE_SECONDS / 2
    expires_at = int((time.time() // half + 2) * half)
    claims = f"{viewer.team_id}.{viewer.user_id}.{viewer.key_id}.{expires_at}"
    return f"{claims}.{_SIGNER.signature(f'{video_id}/{claims}')}"


def verify_token(*, video_id: str, token: str) -> Viewer:
    """Return the viewer of a token for this video. Raise Unauthenticated if it is invalid or has expired."""
    claims, _, signature = token.rpartition(".")
    try:
        _SIGNER.unsign(f"{video_id}/{claims}:{signature}")
    except BadSignature:
        raise Unauthenticated(
            "This link is not valid. Copy the complete link, or request the video again to get a new one.",
            code="link_invalid",
        ) from None
    team_id, user_id, key_id, expires_at = map(int, claims.split("."))
    if expires_at <= time.time():
        raise Unauthenticated("This link has expired. Request the video again to get a new one.", code="link_expired")
    return Viewer(team_id, user_id, key_id, session_key=None)
