"""What the headers of a request say of its body: its maximum size, and the errors of bodies that are not received."""

import re
from collections.abc import Mapping

from django.conf import settings
from django.utils.http import parse_header_parameters

from common.errors import Malformed, MutoscopeError, TooLarge
from jobs.api.errors import UnsupportedMediaType

_BATCH_PATHS = {"/v1/batches"}
# Requests for a video, whose body may contain the image.
_IMAGE_PATHS = {"/", "/price", "/v1/videos", "/v1/videos/quote", "/v1/generate", "/generate"}
_IMAGE_PREFIXES = ("/replicate/v1/", "/fal/")
_REMIX_PATH = re.compile(r"/v1/videos/[^/]+/remix")


class BodyTimeout(MutoscopeError):
    status, type, default_code = 408, "invalid_request_error", "body_too_slow"


def max_body_bytes(path: str, content_type: str | None) -> int:
    """Return the limit for a body at this path. Batches are read from disk line by line, all other bodies at once."""
    max_bytes: int = settings.MAX_BODY_BYTES_WITHOUT_IMAGE
    # A form with a file is multipart. Django decodes this type into many times its size.
    if (content_type or "").partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
        return max_bytes
    if path in _BATCH_PATHS:
        max_bytes = settings.MAX_BATCH_BODY_BYTES
    elif path in _IMAGE_PATHS or path.startswith(_IMAGE_PREFIXES) or _REMIX_PATH.fullmatch(path):
        max_bytes = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return max_bytes


def request_error(headers: Mapping[str, str], path: str) -> MutoscopeError | None:
    """Return the error of a request that is refused by its headers."""
    return _length_error(headers, path) or _encoding_error(headers)


def _length_error(headers: Mapping[str, str], path: str) -> MutoscopeError | None:
    """Return the error of a body of ambiguous or excessive length. A chunked body is counted while it is received."""
    if "transfer-encoding" in headers:
        return _transfer_encoding_error(headers)
    length = headers.get("content-length") or "0"
    # int() would also accept "+1" and "1_000".
    if not (length.isascii() and length.isdigit()):
        return Malformed(
            "Content-Length is not a number. Send the length of the body in bytes.", code="malformed_headers"
        )
    max_bytes = max_body_bytes(path, headers.get("content-type"))
    # A length of thousands of digits is too long for int() itself.
    return body_too_large(max_bytes) if len(length) > 18 or int(length) > max_bytes else None


def _transfer_encoding_error(headers: Mapping[str, str]) -> MutoscopeError | None:
    if headers["transfer-encoding"].strip().lower() != "chunked":
        return UnsupportedMediaType("The body is compressed. Send it uncompressed.", code="unsupported_encoding")
    if "content-length" in headers:  # a proxy might read another length
        return Malformed(
            "The body has a Content-Length and is chunked. Send it in one of these ways.", code="malformed_headers"
        )
    return None


def body_too_large(max_bytes: int) -> TooLarge:
    params = {"limit": max_bytes // 1_000_000}
    return TooLarge("The body is larger than %(limit)s MB. Send a smaller one.", params, code="body_too_large")


def body_too_slow() -> BodyTimeout:
    return BodyTimeout("The body took too long to arrive. Try again over a faster connection.")


def _encoding_error(headers: Mapping[str, str]) -> MutoscopeError | None:
    """Return the error of a body that is compressed or in an unsupported charset."""
    if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        return UnsupportedMediaType("The body is compressed. Send it uncompressed.", code="unsupported_encoding")
    try:
        _kind, parameters = parse_header_parameters(headers.get("content-type") or "")
    except (LookupError, ValueError):  # `x*=undefined''…` names a codec too
        return Malformed("The Content-Type cannot be parsed. Check its parameters.", code="malformed_headers")
    # Python has codecs that are not charsets ("hex", "undefined"); reading the request with one of them fails.
    if parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        return UnsupportedMediaType("The charset is not supported. Send text as UTF-8.", code="unsupported_charset")
    return None
