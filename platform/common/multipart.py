"""How Django reads forms: a file arrives whatever its name is, and text that is not UTF-8 is an error.

Django itself drops a part whose headers are not UTF-8, and a file without a usable name, without a word. It decodes
text with replacement characters, which would become part of a prompt.
"""

import re
from typing import Any
from urllib.parse import unquote_to_bytes

from django.core.exceptions import BadRequest
from django.http import HttpRequest, multipartparser
from django.http.multipartparser import FIELD, FILE, RAW, MultiPartParserError

from common.middleware import Step, SyncAndAsyncMiddleware
from common.text import safe_file_name

# A name of 255 letters, percent-encoded, and the other headers.
_MAX_HEADER_BYTES = 8192
_PARAMETER = re.compile(rb';\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^;]*))', re.DOTALL)
_ESCAPED = re.compile(rb'\\(["\\])')
_PLAIN_ENCODINGS = {"", "7bit", "8bit", "binary"}
_NOT_UTF8 = "The text of this form is not UTF-8. Send it in UTF-8."


def read_forms_strictly() -> None:
    """Let Django's parser read the parts of forms by `parse_part`. It has no public place for that."""
    multipartparser.parse_boundary_stream = parse_part  # type: ignore[attr-defined]  # not in the stubs


class StrictFormMiddleware(SyncAndAsyncMiddleware):
    """Refuses a URL-encoded form that is not UTF-8."""

    def before(self, request: HttpRequest) -> Step | None:
        if request.method == "POST" and request.content_type == "application/x-www-form-urlencoded":
            try:
                unquote_to_bytes(request.body).decode()
            except UnicodeDecodeError:
                raise BadRequest(_NOT_UTF8) from None
        return None


def parse_part(stream: Any, max_header_size: int) -> tuple[str, dict[str, Any], Any]:
    """Return the kind of a part of a form, its headers as pairs of value and parameters, and its content.

    Django calls this with its own limit, which is too small for a name of 255 letters that is percent-encoded.
    """
    head = _read_head(stream)
    if head is None:
        return RAW, {}, stream
    headers = {}
    for line in head.split(b"\r\n"):
        name, _colon, text = line.partition(b":")
        value, _semicolon, _rest = text.partition(b";")
        headers[_ascii(name)] = _ascii(value), _parameters(text)
    if "content-disposition" not in headers:
        return RAW, headers, stream
    parameters = headers["content-disposition"][1]
    if not _is_utf8(parameters.get("name", b"")):
        raise MultiPartParserError(_NOT_UTF8)
    content_type = headers.get("content-type", ("", {}))[0]
    encoding = headers.get("content-transfer-encoding", ("", {}))[0]
    if parameters.get("filename") or parameters.get("filename*") or _is_nameless_file(parameters, content_type, stream):
        parameters["filename"] = safe_file_name(_sent_file_name(parameters)).encode()
        return FILE, headers, stream
    if encoding not in _PLAIN_ENCODINGS:  # Django would decode the text after it was checked
        raise MultiPartParserError("The text of this form has a Content-Transfer-Encoding. Send it without.")
    return FIELD, headers, _Utf8Stream(stream)


def _read_head(stream: Any) -> bytes | None:
    """Return the headers of a part, after which the stream is at its content; None if there are none."""
    start: bytes = stream.read(_MAX_HEADER_BYTES)
    head, blank_line, content = start.partition(b"\r\n\r\n")
    if not blank_line:
        if len(start) == _MAX_HEADER_BYTES:
            raise MultiPartParserError("Request max total header size exceeded.")
        stream.unget(start)
        return None
    stream.unget(content)
    return head


def _parameters(text: bytes) -> dict[str, bytes]:
    return {
        _ascii(name): _ESCAPED.sub(rb"\1", quoted) or bare.strip() for name, quoted, bare in _PARAMETER.findall(text)
    }


def _ascii(name: bytes) -> str:
    return name.decode("ascii", "replace").strip().lower()


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_nameless_file(parameters: dict[str, bytes], content_type: str, stream: Any) -> bool:
    """Return whether a part without a name is a file. A browser sends an empty one if no file was chosen."""
    if "filename" not in parameters and not content_type.startswith(("image/", "application/octet-stream")):
        return False
    first: bytes = stream.read(1)
    stream.unget(first)
    return bool(first)


def _sent_file_name(parameters: dict[str, bytes]) -> str:
    charset, _quote, extended = parameters.get("filename*", b"").partition(b"''")
    if charset.lower() == b"utf-8":
        return unquote_to_bytes(extended).decode("utf-8", "ignore")
    return parameters.get("filename", b"").decode("utf-8", "ignore")


class _Utf8Stream:
    """The content of a text field."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, size: int | None = None) -> bytes:
        data: bytes = self._stream.read(size)
        # At the limit of a form's text, which is reported as such, a character may be cut.
        if len(data) != size and not _is_utf8(data):
            raise MultiPartParserError(_NOT_UTF8)
        return data
