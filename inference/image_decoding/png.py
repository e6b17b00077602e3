"""Parse PNG files.

The rebuilt file contains the chunks that decide pixels. Ancillary chunks are read where they matter and never refuse an
image.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from inference.image_decoding.color import cicp_profile, gamma_profile
from inference.image_decoding.exif import read_orientation
from inference.image_decoding.parts import (
    MAX_PROFILE_BYTES,
    ImageFile,
    LowBytes,
    animated,
    check_size,
    damaged,
    too_many_parts,
    truncated,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MAX_CHUNKS = 50_000
_GRAY, _RGB, _PALETTE, _GRAY_ALPHA = 0, 2, 3, 4
_SINGLE_CHUNKS = {b"IHDR", b"PLTE", b"IEND"}
_READ_CHUNKS = {b"acTL", b"cHRM", b"cICP", b"eXIf", b"gAMA", b"iCCP", b"sRGB", b"tRNS"}


@dataclass
class _Chunks:
    """The chunks by kind; the first of each ancillary kind counts."""

    single: dict[bytes, bytes] = field(default_factory=dict)
    pixels: list[bytes] = field(default_factory=list)
    has_frames: bool = False


def parse_png(data: bytes) -> ImageFile:
    """Return the file without metadata. Raise ImageError."""
    chunks = _read_chunks(data)
    header = chunks.single.get(b"IHDR", b"")
    if len(header) != 13 or not chunks.pixels:
        raise damaged()
    depth, color_type = header[8:10]
    if chunks.has_frames and b"acTL" in chunks.single:
        raise animated()
    transparency = chunks.single.get(b"tRNS", b"")
    palette = chunks.single.get(b"PLTE", b"")[:768] if color_type == _PALETTE else b""
    low_bytes = {_GRAY: LowBytes.ALPHA, _RGB: LowBytes.SECOND_READ}.get(color_type) if depth == 16 else None
    if low_bytes is LowBytes.ALPHA:
        # Gray of 16 bits is laid out like gray with alpha of 8 bits: the high byte is what is shown.
        header = header[:8] + bytes((8, _GRAY_ALPHA)) + header[10:]
    output = [SIGNATURE, _chunk(b"IHDR", header)]
    if color_type == _PALETTE:
        output.append(_chunk(b"PLTE", palette))
        if transparency:
            output.append(_chunk(b"tRNS", transparency[: len(palette) // 3]))
    output += [_chunk(b"IDAT", b"".join(chunks.pixels)), _chunk(b"IEND", b"")]
    return ImageFile(
        format="PNG",
        data=b"".join(output),
        orientation=read_orientation(chunks.single.get(b"eXIf", b"")),
        icc_profile=_profile(chunks.single),
        transparent_color=_transparent_color(transparency, color_type, depth),
        low_bytes=low_bytes,
    )


def _read_chunks(data: bytes) -> _Chunks:
    chunks = _Chunks()
    for kind, body, is_intact in _walk(data):
        if kind == b"IDAT":
            if not is_intact:
                raise damaged()
            chunks.pixels.append(body)
        elif kind in _SINGLE_CHUNKS and not is_intact:
            raise damaged()
        elif kind == b"fdAT":
            chunks.has_frames = True
        elif kind == b"IEND":
            break
        # Chunks that change how pixels look precede the pixels; the orientation may follow them.
        elif is_intact and kind in _SINGLE_CHUNKS | _READ_CHUNKS and (not chunks.pixels or kind == b"eXIf"):
            if kind == b"IHDR" and len(body) == 13:
                check_size(*struct.unpack(">II", body[:8]))
            chunks.single.setdefault(kind, body)
    return chunks


def _walk(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yield kind, content and whether the checksum is right, for each chunk up to the end of the file."""
    position = len(SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        if len(data) - position < 12:
            # Without its end a file may still have all pixels.
            return
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            if kind in {b"IHDR", b"PLTE", b"IDAT"}:
                raise truncated()
            return
        body = data[position + 8 : end]
        known = kind in _SINGLE_CHUNKS or kind in _READ_CHUNKS or kind == b"IDAT"
        yield kind, body, known and zlib.crc32(body, zlib.crc32(kind)) == int.from_bytes(data[end : end + 4], "big")
        position = end + 4
    raise too_many_parts(_MAX_CHUNKS)


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", checksum)


def _transparent_color(transparency: bytes, color_type: int, depth: int) -> tuple[int, ...] | None:
    """Return the transparent samples, scaled to 8 bits where they have fewer."""
    expected = {_GRAY: 2, _RGB: 6}.get(color_type)
    if expected is None or len(transparency) != expected:
        return None
    samples = struct.unpack(f">{expected // 2}H", transparency)
    if depth == 16:
        return samples
    maximum = 2**depth - 1
    return tuple((sample & maximum) * 255 // maximum for sample in samples)


def _profile(chunks: dict[bytes, bytes]) -> bytes | None:
    """Return the color profile, in the order of precedence of the PNG standard."""
    if len(cicp := chunks.get(b"cICP", b"")) == 4 and (profile := cicp_profile(cicp[0], cicp[1])):
        return profile
    if (embedded := chunks.get(b"iCCP")) and (profile := _embedded_profile(embedded)):
        return profile
    if b"sRGB" in chunks:
        return None
    gamma, chromaticities = chunks.get(b"gAMA", b""), chunks.get(b"cHRM", b"")
    if len(gamma) != 4 or gamma == b"\0\0\0\0":
        return None
    numbers = struct.unpack(">8I", chromaticities) if len(chromaticities) == 32 else None
    return gamma_profile(int.from_bytes(gamma, "big") / 100_000, numbers and [number / 100_000 for number in numbers])


def _embedded_profile(body: bytes) -> bytes | None:
    _name, _, compressed = body.partition(b"\0")
    try:
        unpacker = zlib.decompressobj()
        profile = unpacker.decompress(compressed[1:], MAX_PROFILE_BYTES)
    except zlib.error:
        return None
    return profile if unpacker.eof else None
