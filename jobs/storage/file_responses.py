"""Responses with a stored object, whole or a range of it, and a file name for downloads."""

import hashlib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import content_disposition_header
from werkzeug.http import parse_range_header

from common.streaming import StreamedResponse
from common.text import file_name_words
from jobs.models import Job
from jobs.storage.files import (
    CHUNK_BYTES,
    file_chunks,
    mime_type,
    read_range,
    signed_url,
    translate_storage_errors,
)

# A download has to start within this time. It may take longer to finish.
_SIGNED_URL_MAX_AGE_SECONDS = 300
_MAX_FILENAME_WORDS, _MAX_FILENAME_LENGTH = 6, 60
# The response depends on the caller. No cache may reuse it for another caller, not even in the same browser.
_VARY = ("Authorization", "X-API-Key", "Cookie")


def download_filename(job: Job, key: str, *, with_prompt: bool) -> str:
    """Return the name for a saved file: the first words of the prompt, or the id where the prompt is not public."""
    words = file_name_words(job.prompt)[:_MAX_FILENAME_WORDS] if with_prompt else []
    stem = "-".join(words).lower()[:_MAX_FILENAME_LENGTH].rstrip("-") or job.public_id
    return f"{stem}.{key.rpartition('.')[2]}"


def _disposition(filename: str, *, as_attachment: bool) -> str:
    """Return the Content-Disposition. Programs such as curl know only names in ASCII, so there is always one."""
    header = str(content_disposition_header(as_attachment, filename))
    if filename.isascii():
        return header
    kind, _, name = header.partition("; ")
    stem, _, suffix = unicodedata.normalize("NFKD", filename).encode("ascii", "ignore").decode().rpartition(".")
    words = "-".join(word for word in stem.split("-") if word) or "video"
    return f'{kind}; filename="{words}.{suffix}"; {name}'


def file_response(request: HttpRequest, key: str, *, filename: str, as_attachment: bool) -> HttpResponseBase:
    """Return a stored object or the requested range of it, or 304 if the client has it already."""
    etag = _etag(key)
    not_modified = get_conditional_response(request, etag=etag)
    if not_modified is not None:
        return _with_private_headers(not_modified, etag)
    with translate_storage_errors():
        size = default_storage.size(key)
        content_range = _content_range(request, size, etag)
        response = _range_response(request, key, content_range)
    return _with_file_headers(response, content_range, etag, filename=filename, as_attachment=as_attachment)


def rendered_response(
    request: HttpRequest, name: str, render: Callable[[], bytes], *, filename: str, as_attachment: bool
) -> HttpResponseBase:
    """Return the same for bytes that are not stored: `render` makes them, unless the client has them already.

    name: identifies these bytes like a key.
    """
    etag = _etag(name)
    not_modified = get_conditional_response(request, etag=etag)
    if not_modified is not None:
        return _with_private_headers(not_modified, etag)
    content = render()
    content_range = _content_range(request, len(content), etag)
    part = b"" if request.method == "HEAD" else content[content_range.start : content_range.stop]
    response = HttpResponse(part, status=content_range.status)
    return _with_file_headers(response, content_range, etag, filename=filename, as_attachment=as_attachment)


def _etag(key: str) -> str:
    # The content of a key never changes, but the key itself contains more than a client should know.
    return f'"{hashlib.sha256(key.encode()).hexdigest()[:32]}"'


def storage_redirect(key: str, *, seconds: float, filename: str, as_attachment: bool) -> HttpResponseBase | None:
    """Return a redirect to a signed URL of the storage, or None if the site has to send the bytes itself.

    seconds: how long the caller may still read the object. The URL is valid for that time, at most for five minutes.
    """
    disposition = _disposition(filename, as_attachment=as_attachment)
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


def _with_file_headers(
    response: HttpResponseBase, content_range: "_ContentRange", etag: str, *, filename: str, as_attachment: bool
) -> HttpResponseBase:
    response["Content-Length"] = str(content_range.stop - content_range.start)
    if content_range.header:
        response["Content-Range"] = content_range.header
    response["Content-Type"] = mime_type(filename)
    response["Content-Disposition"] = _disposition(filename, as_attachment=as_attachment)
    response["Accept-Ranges"] = "bytes"
    return _with_private_headers(response, etag)


def _with_private_headers(response: HttpResponseBase, etag: str) -> HttpResponseBase:
    response["ETag"] = etag
    response["Cache-Control"] = "private, max-age=3600"
    response["X-Content-Type-Options"] = "nosniff"
    patch_vary_headers(response, _VARY)
    return response


@dataclass(frozen=True)
class _ContentRange:
    """The bytes to send, from `start` to before `stop`. header: the Content-Range, empty for the whole object."""

    status: int
    start: int
    stop: int
    header: str = ""


def _content_range(request: HttpRequest, size: int, etag: str) -> _ContentRange:
    # If If-Range names another version, the parts that the client has are useless: send the whole object.
    stale = request.headers.get("If-Range", etag) != etag
    requested_range = None if stale else parse_range_header(request.headers.get("Range"))
    if requested_range is None or requested_range.units != "bytes" or len(requested_range.ranges) != 1:
        return _ContentRange(200, 0, size)
    start = requested_range.ranges[0][0]
    # A suffix that is longer than the object means the whole object (RFC 9110, 14.1.2).
    bounds = (0, size) if start < -size and size else requested_range.range_for_length(size)
    if bounds is None:
        return _ContentRange(416, 0, 0, f"bytes */{size}")
    return _ContentRange(206, *bounds, f"bytes {bounds[0]}-{bounds[1] - 1}/{size}")


def _range_response(request: HttpRequest, key: str, content_range: _ContentRange) -> HttpResponseBase:
    """Return the response with these bytes. A small file is read at once, a larger one while it is sent."""
    start, stop = content_range.start, content_range.stop
    if stop - start > CHUNK_BYTES:
        return StreamedResponse(request, file_chunks(key, start, stop), status=content_range.status)
    content = b"" if request.method == "HEAD" else read_range(key, start, stop)
    return HttpResponse(content, status=content_range.status)
