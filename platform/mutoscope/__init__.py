"""Mutoscope's client: makes short videos from pictures through a portal's API.

    from mutoscope import Mutoscope

    client = Mutoscope()  # MUTOSCOPE_URL and MUTOSCOPE_API_KEY
    video = client.generate("photo.jpg", "the camera slowly pans left")
    client.download(video, "photo.mp4")

`AsyncMutoscope` has the same methods as coroutines.
"""

from mutoscope.async_client import AsyncMutoscope
from mutoscope.client import Mutoscope
from mutoscope.errors import (
    ApiError,
    AuthenticationError,
    Conflict,
    ConnectionFailed,
    Gone,
    InvalidRequest,
    LimitExceeded,
    MutoscopeError,
    NotFound,
    PermissionDenied,
    ServerError,
    VideoNotMade,
    WaitTimeout,
)
from mutoscope.models import Quote, Video
from mutoscope.version import __version__

__all__ = [
    "ApiError",
    "AsyncMutoscope",
    "AuthenticationError",
    "Conflict",
    "ConnectionFailed",
    "Gone",
    "InvalidRequest",
    "LimitExceeded",
    "Mutoscope",
    "MutoscopeError",
    "NotFound",
    "PermissionDenied",
    "Quote",
    "ServerError",
    "Video",
    "VideoNotMade",
    "WaitTimeout",
    "__version__",
]
