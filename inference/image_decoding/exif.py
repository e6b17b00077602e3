"""Read the orientation from EXIF data, and nothing else of it."""

import struct

_ORIENTATION, _SHORT = 0x0112, 3


def read_orientation(exif: bytes) -> int:
    """Return the orientation of a TIFF structure, 1 to 8. Return 1 if it has no orientation that browsers accept.

    Only the first directory counts, and only a single value of the type SHORT.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for index in range(count):
            tag, kind, number, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * index)
            if tag == _ORIENTATION:
                return value if kind == _SHORT and number == 1 and 1 <= value <= 8 else 1
    except struct.error:  # the directory is cut off
        pass
    return 1
