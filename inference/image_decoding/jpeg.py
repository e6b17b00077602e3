"""Parse JPEG files.

The rebuilt file contains the segments that decide pixels, without fill bytes and without what follows the image: phones
append previews and whole videos.
"""

import re

from inference.errors import ImageError, ImageErrorCode
from inference.image_decoding.exif import read_orientation
from inference.image_decoding.parts import ImageFile, check_size, damaged, too_many_parts, truncated

# Each scan of a progressive JPEG processes the whole image again: 469 kB with 10,000 scans took 53 s. Ordinary files
# have about ten scans.
_MAX_SCANS = 40
_MAX_SEGMENTS = 10_000

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
_SIZE_MARKERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Tables for Huffman and arithmetic coding, quantization tables, the restart interval.
_TABLE_MARKERS = {0xC4, 0xCC, 0xDB, 0xDD}
_STANDALONE_MARKERS = {0x00, 0x01, _SOI, *range(0xD0, 0xD8)}

_FILL = re.compile(rb"\xff+")
_REPEATED_FILL = re.compile(rb"\xff{2,}")
# Ends coded data: any marker except those that occur inside.
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
# Without the resolution and thumbnail: their presence alone decides that the colors are YCbCr.
_JFIF = b"\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"


class _Parser:
    def __init__(self, data: bytes) -> None:
        self._data, self._position = data, 2
        self._output = [b"\xff\xd8"]
        self._scans = 0
        self._size: tuple[int, int] | None = None
        self._orientation: int | None = None
        self._profile_parts: dict[int, bytes] = {}
        self._profile_count = 0

    def parse(self) -> ImageFile:
        for _ in range(_MAX_SEGMENTS):
            marker = self._next_marker()
            if marker == _EOI:
                self._output.append(b"\xff\xd9")
                break
            if marker not in _STANDALONE_MARKERS:
                self._handle(marker, self._segment())
        else:
            raise too_many_parts(_MAX_SEGMENTS)
        if self._size is None or not self._scans:
            raise damaged()
        return ImageFile(
            format="JPEG",
            data=b"".join(self._output),
            orientation=self._orientation or 1,
            icc_profile=self._profile(),
        )

    def _next_marker(self) -> int:
        fill = _FILL.search(self._data, self._position)
        if fill is None or fill.end() == len(self._data):
            raise truncated()
        self._position = fill.end() + 1
        return self._data[fill.end()]

    def _segment(self) -> bytes:
        start, length = self._position, int.from_bytes(self._data[self._position : self._position + 2], "big")
        self._position += length
        if self._position > len(self._data):
            raise truncated()
        if length < 2:
            raise damaged()
        return self._data[start + 2 : self._position]

    def _handle(self, marker: int, segment: bytes) -> None:
        if marker in _SIZE_MARKERS:
            self._handle_size(marker, segment)
        elif marker in _TABLE_MARKERS:
            self._copy(marker, segment)
        elif marker == _SOS:
            self._handle_scan(segment)
        elif marker == _APP0 and segment.startswith(b"JFIF\0"):
            self._output.append(_JFIF)
        elif marker == _APP1 and segment.startswith(b"Exif\0") and self._orientation is None:
            self._orientation = read_orientation(segment[6:])
        elif marker == _APP2 and segment.startswith(b"ICC_PROFILE\0") and len(segment) > 14:
            self._profile_count = segment[13]
            self._profile_parts.setdefault(segment[12], segment[14:])
        elif marker == _APP14 and segment.startswith(b"Adobe") and len(segment) >= 12:
            self._copy(marker, segment[:12])

    def _handle_size(self, marker: int, segment: bytes) -> None:
        if len(segment) < 6 or self._size:
            raise damaged()
        self._size = int.from_bytes(segment[3:5], "big"), int.from_bytes(segment[1:3], "big")
        check_size(*self._size)
        self._copy(marker, segment)

    def _handle_scan(self, segment: bytes) -> None:
        self._scans += 1
        if self._scans > _MAX_SCANS:
            raise ImageError(
                ImageErrorCode.UNREADABLE,
                "The JPEG file has too many scans: at most %(maximum)s are allowed. Save it as a baseline JPEG.",
                {"maximum": _MAX_SCANS},
            )
        self._copy(_SOS, segment)
        end = _NEXT_MARKER.search(self._data, self._position)
        if end is None:
            raise truncated()
        self._output.append(_REPEATED_FILL.sub(b"\xff", self._data[self._position : end.start()]).rstrip(b"\xff"))
        self._position = end.start()

    def _copy(self, marker: int, segment: bytes) -> None:
        self._output.append(bytes((0xFF, marker)) + (len(segment) + 2).to_bytes(2, "big") + segment)

    def _profile(self) -> bytes | None:
        """Return the color profile if all its parts are there."""
        numbers = range(1, self._profile_count + 1)
        if not numbers or any(number not in self._profile_parts for number in numbers):
            return None
        return b"".join(self._profile_parts[number] for number in numbers)


def parse_jpeg(data: bytes) -> ImageFile:
    """Return the file without metadata. Raise ImageError."""
    return _Parser(data).parse()
