"""Python client for the API of a Mutoscope server: generates short videos from images.

    from mutoscope import Mutoscope

    client = Mutoscope()  # reads MUTOSCOPE_BASE_URL and MUTOSCOPE_API_KEY
    video = client.generate("photo.jpg", "the camera slowly pans left")
    client.download(video, "photo.mp4")

`client.videos` has the methods for single videos, `client.batches` those for many videos at once.
`AsyncMutoscope` has the same methods as coroutines.
"""

from mutoscope.api_requests import VideoFrame
from mutoscope.async_client import AsyncMutoscope
from mutoscope.client import Mutoscope
from mutoscope.errors import (
    ApiError,
    AuthenticationError,
    BatchError,
    ConfigurationError,
    Conflict,
    ConnectionFailed,
    FileError,
    Gone,
    InvalidRequest,
    LimitExceeded,
    MutoscopeError,
    NotFound,
    PermissionDenied,
    ServerError,
    VideoFailed,
    VideoNotMade,
    WaitTimeout,
)
from mutoscope.events import Event, PreviewEvent, ProgressEvent, StatusEvent
from mutoscope.models import Batch, BatchItem, Quote, Video
from mutoscope.version import __version__

__all__ = [
    "ApiError",
    "AsyncMutoscope",
    "AuthenticationError",
    "Batch",
    "BatchError",
    "BatchItem",
    "ConfigurationError",
    "Conflict",
    "ConnectionFailed",
    "Event",
    "FileError",
    "Gone",
    "InvalidRequest",
    "LimitExceeded",
    "Mutoscope",
    "MutoscopeError",
    "NotFound",
    "PermissionDenied",
    "PreviewEvent",
    "ProgressEvent",
    "Quote",
    "ServerError",
    "StatusEvent",
    "Video",
    "VideoFailed",
    "VideoFrame",
    "VideoNotMade",
    "WaitTimeout",
    "__version__",
]
