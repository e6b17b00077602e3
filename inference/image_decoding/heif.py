"""Parse HEIC and AVIF files, which share a container.

The file keeps its layout, because boxes refer to positions in it. EXIF and XMP are hidden by renaming their items: the
container says the orientation itself.
"""

import re
import struct
from collections.abc import Iterator

from inference.image_decoding.color import cicp_profile
from inference.image_decoding.parts import damaged, too_many_parts, truncated

_MAX_BOXES = 10_000
# A box `infe` of version 2 or 3: version, flags, number of the item, protection, type.
_METADATA_ITEM = re.compile(rb"(infe(?:\x02.{3}.{2}|\x03.{3}.{4}).{2})(?:Exif|mime)", re.DOTALL)


def parse_heif(data: bytes) -> tuple[bytes, bytes | None]:
    """Return the file without metadata, and its color profile. Raise ImageError."""
    meta = next(((start, end) for kind, start, end in _walk(data, 0, len(data)) if kind == b"meta"), None)
    if meta is None:
        raise damaged()
    start, end = meta
    hidden = data[:start] + _METADATA_ITEM.sub(rb"\1free", data[start:end]) + data[end:]
    return hidden, _profile(data, start + 4, end)


def _profile(data: bytes, start: int, end: int) -> bytes | None:
    """Return the first color profile among the properties of the file's items."""
    for kind in (b"iprp", b"ipco"):
        found = next(((first, last) for name, first, last in _walk(data, start, end) if name == kind), None)
        if found is None:
            return None
        start, end = found
    coded = None
    for kind, first, last in _walk(data, start, end):
        if kind == b"colr" and data[first : first + 4] in {b"prof", b"rICC"}:
            return data[first + 4 : last]
        if kind == b"colr" and data[first : first + 4] == b"nclx" and last - first >= 8 and coded is None:
            primaries, transfer = struct.unpack_from(">HH", data, first + 4)
            coded = cicp_profile(primaries, transfer)
    return coded


def _walk(data: bytes, position: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of the content of each box."""
    for _ in range(_MAX_BOXES):
        if end - position < 8:
            return
        length, kind = struct.unpack_from(">I4s", data, position)
        header = 8
        if length == 1 and end - position >= 16:
            (length,), header = struct.unpack_from(">Q", data, position + 8), 16
        box_end = end if length == 0 else position + length
        if box_end < position + header:
            raise damaged()
        if box_end > end:
            raise truncated()
        yield kind, position + header, box_end
        position = box_end
    raise too_many_parts(_MAX_BOXES)
