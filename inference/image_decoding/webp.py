"""Parse WebP files.

The rebuilt file contains the coded image and its alpha channel. Browsers ignore an orientation in WebP files.
"""

import struct
from collections.abc import Iterator

from inference.image_decoding.parts import ImageFile, animated, check_size, damaged, too_many_parts, truncated

_MAX_CHUNKS = 10_000
_ALPHA_FLAG = 0x10
_FRAME_HEADER_BYTES = 16


def parse_webp(data: bytes) -> ImageFile:
    """Return the file without metadata. Raise ImageError."""
    end = 8 + int.from_bytes(data[4:8], "little")
    chunks: dict[bytes, bytes] = {}
    for kind, body in _walk(data, 12, min(end, len(data))):
        if kind == b"ANMF" and kind in chunks:
            raise animated()
        chunks.setdefault(kind, body)
    icc_profile = chunks.get(b"ICCP")
    if frame := chunks.get(b"ANMF"):
        chunks = dict(_walk(frame, _FRAME_HEADER_BYTES, len(frame)))
    coded = next((kind for kind in (b"VP8 ", b"VP8L") if kind in chunks), None)
    if coded is None:
        raise truncated() if end > len(data) else damaged()
    size = _lossy_size(chunks[coded]) if coded == b"VP8 " else _lossless_size(chunks[coded])
    check_size(*size)
    output = _chunk(coded, chunks[coded])
    if coded == b"VP8 " and (alpha := chunks.get(b"ALPH")):
        canvas = b"".join((side - 1).to_bytes(3, "little") for side in size)
        output = _chunk(b"VP8X", bytes((_ALPHA_FLAG, 0, 0, 0)) + canvas) + _chunk(b"ALPH", alpha) + output
    return ImageFile(
        format="WEBP",
        data=b"RIFF" + struct.pack("<I", len(output) + 4) + b"WEBP" + output,
        icc_profile=icc_profile,
    )


def _walk(data: bytes, position: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of each chunk."""
    for _ in range(_MAX_CHUNKS):
        if end - position < 8:
            return
        kind, length = struct.unpack_from("<4sI", data, position)
        if position + 8 + length > end:
            if kind in {b"VP8 ", b"VP8L", b"ALPH", b"ANMF"}:
                raise truncated()
            return
        yield kind, data[position + 8 : position + 8 + length]
        position += 8 + length + length % 2
    raise too_many_parts(_MAX_CHUNKS)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _lossy_size(body: bytes) -> tuple[int, int]:
    if body[3:6] != b"\x9d\x01\x2a" or len(body) < 10:
        raise damaged()
    width, height = struct.unpack_from("<HH", body, 6)
    return width & 0x3FFF, height & 0x3FFF


def _lossless_size(body: bytes) -> tuple[int, int]:
    if body[:1] != b"\x2f" or len(body) < 5:
        raise damaged()
    bits = int.from_bytes(body[1:5], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
