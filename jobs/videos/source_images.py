"""Read the images of a request: from the body itself, from a URL, or from a video of the team."""

import base64
import binascii
import math
from typing import Any

import httpx
from django.conf import settings
from django.db import connection

from accounts.models import Team
from common.concurrency import ConcurrencyLimiter
from common.errors import MutoscopeError, invalid_field
from common.messages import Message
from common.ssrf import ForbiddenIPAddress, TLSError, safe_client
from inference.image_decoding.pool import DecodedImage
from jobs.videos.frames import decode_frame, frame_number
from jobs.videos.selectors import find_video
from jobs.videos.video_file import require_file

# A request for a video contains one of these if its model takes an image, and one of the others if it takes a last
# image. What a field contains follows from the end of its name: base64, a URL, a frame of a video, or else a file.
IMAGE_FIELDS = ("image_base64", "image", "input_reference", "image_url", "image_video")
LAST_IMAGE_FIELDS = ("last_image_base64", "last_image", "last_image_url", "last_image_video")

_MAX_DATA_URI_HEADER = 300
_URL_SAFE_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_LINE_BREAKS = b"\t\n\v\f\r"
# Each fetch occupies a thread for up to IMAGE_URL_FETCH_TIMEOUT_SECONDS.
_FETCH_LIMITER = ConcurrencyLimiter("fetches", work=Message("images being fetched"), process_limit=8)
_SLOT_MARGIN_SECONDS = 5
# How long a request waits while other files of its team are being decoded.
_SLOT_WAIT_SECONDS = 5
_CHUNK_BYTES = 65_536


def read_image_bytes(name: str, value: Any, *, team: Team) -> bytes:
    """Return the bytes of the image in a field, which are not checked yet.

    Raise InvalidField, or Overloaded or ConcurrencyLimitExceeded while too many images are being fetched.
    """
    if name.endswith("_url"):
        return fetch_image(name, value, team=team)
    if name.endswith("_base64"):
        return decode_base64(name, value)
    content: bytes = value.read()
    return content


def is_video_field(name: str) -> bool:
    """Return whether the field names a frame of a video."""
    return name.endswith("_video")


def read_video_frame(name: str, reference: dict[str, str], *, team: Team) -> DecodedImage:
    """Return the frame of a video that a field names.

    Raise NotFound, Conflict if the video is not completed, Gone, InvalidField beyond its end, and Overloaded or
    ConcurrencyLimitExceeded while too many files are being decoded.
    """
    job = find_video(team, reference["id"], param=name)
    require_file(job, param=name)
    return decode_frame(job, frame_number(job, reference["at"], param=name), wait_seconds=_SLOT_WAIT_SECONDS)


def decode_base64(name: str, text: str) -> bytes:
    """Decode base64, standard or URL-safe, with or without padding, plain or as a data URI. Raise InvalidField.

    `name` is the field that contains it. The media type is ignored: only the bytes decide what an image is.
    """
    encoded = _without_data_uri_header(name, text.strip())
    if " " in encoded:
        raise invalid_field(
            name,
            "The base64 contains spaces. Encode the values of the form: otherwise a plus sign is read as a space.",
            code="not_base64",
        )
    try:
        # Line breaks are common in base64. Any other character outside the alphabet indicates damage.
        standard = encoded.encode("ascii").translate(_URL_SAFE_TO_STANDARD, _LINE_BREAKS)
        return base64.b64decode(standard + b"=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid_field(
            name,
            "This is not valid base64. Encode the bytes of the image, without a file name or quotation marks.",
            code="not_base64",
        ) from None


def _without_data_uri_header(name: str, text: str) -> str:
    if text[:5].lower() != "data:":
        return text
    header, comma, _ = text[:_MAX_DATA_URI_HEADER].partition(",")
    if not comma or not header.lower().endswith(";base64"):
        raise invalid_field(
            name,
            "This data URI is not base64. Write data:image/png;base64, followed by the image in base64.",
            code="not_base64",
        )
    return text[len(header) + 1 :]


def fetch_image(name: str, url: str, *, team: Team) -> bytes:
    """Fetch the file at a URL, within limits of time and size. The headers of the response are not trusted.

    `name` is the field that contains the URL. Raise InvalidField, Overloaded or ConcurrencyLimitExceeded.
    """
    if not url.lower().startswith("https://") and not settings.IMAGE_URL_FETCH_ALLOW_HTTP:
        raise invalid_field(
            name,
            "Only https URLs are fetched. Use one, or send the image in base64 or as a file.",
            code="not_https",
        )
    max_seconds = math.ceil(settings.IMAGE_URL_FETCH_TIMEOUT_SECONDS) + _SLOT_MARGIN_SECONDS
    with _FETCH_LIMITER.acquire(
        team_id=team.pk, team_limit=settings.IMAGE_URL_FETCH_CONCURRENCY_PER_TEAM, expires_after_seconds=max_seconds
    ):
        # Return the connection to the pool: it must not wait for a foreign server.
        if not connection.in_atomic_block:
            connection.close()
        return _fetch(name, url)


def _fetch(name: str, url: str) -> bytes:
    client_context = safe_client(
        user_agent="Mutoscope-Images/1",
        timeout_seconds=settings.IMAGE_URL_FETCH_TIMEOUT_SECONDS,
        allow_loopback=settings.IMAGE_URL_FETCH_ALLOW_LOOPBACK,
    )
    # No compression: a small body may decompress to gigabytes, and images are compressed already.
    headers = {"Accept": "image/png, image/jpeg, image/webp, image/heic, image/avif", "Accept-Encoding": "identity"}
    with client_context as client:
        try:
            with client.stream("GET", url, headers=headers) as response:
                return _read_body(name, response)
        except ForbiddenIPAddress:
            raise invalid_field(
                name,
                "This URL points to a private network. Use another URL, or send the image in base64 or as a file.",
                code="private_address",
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise _fetch_error(name, error) from error


def _read_body(name: str, response: httpx.Response) -> bytes:
    if response.is_redirect:
        raise invalid_field(
            name, "This URL redirects, and redirects are not followed. Use the final URL.", code="redirect"
        )
    if response.status_code != 200:
        raise invalid_field(
            name,
            "This URL returned status %(status)s. Use a URL that returns the image.",
            {"status": response.status_code},
            code="not_found",
        )
    max_bytes = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body = bytearray()
    for chunk in response.iter_raw(_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise invalid_field(
                name,
                "The file at this URL is larger than %(limit)s MB. Use a smaller image.",
                {"limit": max_bytes // 1_000_000},
                code="too_large",
            )
    return bytes(body)


def _fetch_error(name: str, error: Exception) -> MutoscopeError:
    if isinstance(error, httpx.TimeoutException):
        return invalid_field(
            name,
            "The image did not arrive within %(seconds)s seconds. Use a faster server, or send the image in base64 or "
            "as a file.",
            {"seconds": f"{settings.IMAGE_URL_FETCH_TIMEOUT_SECONDS:g}"},
            code="too_slow",
        )
    if isinstance(error, TLSError):
        return invalid_field(
            name,
            "The TLS certificate of this URL is not valid. Use another URL, or send the image in base64 or as a file.",
            code="certificate",
        )
    return invalid_field(
        name,
        "The image could not be fetched from this URL. Check the URL, or send the image in base64 or as a file.",
        code="unreachable",
    )
