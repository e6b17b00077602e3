"""A stored object as an answer: whole or a range of it, with a name to save it under."""

import hashlib
import re

from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import content_disposition_header
from werkzeug.http import parse_range_header

from jobs.models import Job
from jobs.storage.files import mime_type, signed_url, translate_storage_errors

# A download only has to begin within this time.
_SIGNED_URL_MAX_AGE_SECONDS = 300
_MAX_FILENAME_WORDS, _MAX_FILENAME_LENGTH = 6, 60
# Who asks decides what they get: no cache may give one caller's answer to another, not even in the same browser.
_VARY = ("Authorization", "X-API-Key", "Cookie")


def download_filename(job: Job, key: str, *, with_prompt: bool) -> str:
    """What the file is called when it is saved: after the prompt's first words, or for strangers after the id."""
    words = re.findall(r"\w+", job.prompt)[:_MAX_FILENAME_WORDS] if with_prompt else []
    stem = "-".join(words).lower()[:_MAX_FILENAME_LENGTH].rstrip("-") or job.public_id
    return f"{stem}.{key.rpartition('.')[2]}"


def file_response(request: HttpRequest, key: str, *, filename: str, as_attachment: bool) -> HttpResponseBase:
    """A stored object, or the part of it that a Range header names; 304 where the caller has it already.

    Read whole: a clip of at most 32 frames is small, and nothing is held open while a slow client reads.
    """
    # A key's content never changes, but the key itself says more than a client should know.
    etag = f'"{hashlib.sha256(key.encode()).hexdigest()[:32]}"'
    known = get_conditional_response(request, etag=etag)
    if known is not None:
        return _with_private_headers(known, etag)
    with translate_storage_errors():
        size = default_storage.size(key)
        start, stop, response = _range_response(request, size, etag)
        if request.method != "HEAD":
            with default_storage.open(key) as file:
                file.seek(start)
                response.content = file.read(stop - start)
    response["Content-Length"] = str(stop - start)
    response["Content-Type"] = mime_type(key)
    response["Content-Disposition"] = str(content_disposition_header(as_attachment, filename))
    response["Accept-Ranges"] = "bytes"
    return _with_private_headers(response, etag)


def storage_redirect(key: str, *, seconds: float, filename: str, as_attachment: bool) -> HttpResponseBase | None:
    """A redirect to the storage's own signed address; None where the bytes have to come from here.

    seconds: how long the caller may still read it. The address lives no longer, and never for more than five minutes.
    """
    disposition = str(content_disposition_header(as_attachment, filename))
    url = signed_url(
        key, max_age_seconds=max(1, int(min(_SIGNED_URL_MAX_AGE_SECONDS, seconds))), disposition=disposition
    )
    if url is None:
        return None
    with translate_storage_errors():
        if not default_storage.exists(key):
            raise FileNotFoundError(key)
    response = HttpResponseRedirect(url)
    response["Cache-Control"] = "private, no-store"
    return response


def _with_private_headers(response: HttpResponseBase, etag: str) -> HttpResponseBase:
    response["ETag"] = etag
    response["Cache-Control"] = "private, max-age=3600"
    response["X-Content-Type-Options"] = "nosniff"
    patch_vary_headers(response, _VARY)
    return response


def _range_response(request: HttpRequest, size: int, etag: str) -> tuple[int, int, HttpResponse]:
    """First byte, byte after the last, and an empty response of the right status."""
    # If-Range names another version: the parts that the caller has are of no use, send all.
    stale = request.headers.get("If-Range", etag) != etag
    requested_range = None if stale else parse_range_header(request.headers.get("Range"))
    if requested_range is None or requested_range.units != "bytes" or len(requested_range.ranges) != 1:
        return 0, size, HttpResponse(status=200)
    start = requested_range.ranges[0][0]
    # The last so many bytes, and there are fewer: all of them (RFC 9110, 14.1.2).
    bounds = (0, size) if start < -size and size else requested_range.range_for_length(size)
    if bounds is None:
        response = HttpResponse(status=416)
        response["Content-Range"] = f"bytes */{size}"
        return 0, 0, response
    response = HttpResponse(status=206)
    response["Content-Range"] = f"bytes {bounds[0]}-{bounds[1] - 1}/{size}"
    return *bounds, response
