"""Convert images to sRGB, and describe color spaces that files name by numbers as ICC profiles."""

import io
import struct
from collections.abc import Sequence
from functools import lru_cache

from PIL import Image, ImageCms

from inference.image_decoding.parts import MAX_PROFILE_BYTES

# x and y of white, red, green and blue, by the numbers of ITU-T H.273.
_D65 = (0.3127, 0.3290)
_SRGB = (*_D65, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060)
_PRIMARIES = {
    1: _SRGB,
    4: (0.310, 0.316, 0.670, 0.330, 0.210, 0.710, 0.140, 0.080),
    5: (*_D65, 0.640, 0.330, 0.290, 0.600, 0.150, 0.060),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
# Parameters g, a, b, c, d of the curve (a x + b) ** g, or c x below d.
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
# Browsers show the curve of television (ITU-R BT.709) as screens for it do.
_TELEVISION_CURVE = (2.4,)
_TRANSFERS: dict[int, tuple[float, ...]] = {
    1: _TELEVISION_CURVE,
    4: (2.2,),
    5: (2.8,),
    6: _TELEVISION_CURVE,
    8: (1.0,),
    13: _SRGB_CURVE,
    14: _TELEVISION_CURVE,
    11: _TELEVISION_CURVE,
    15: _TELEVISION_CURVE,
}
_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
_NEARLY_2_2 = (0.44, 0.47)
# The color space of the profile, at this place of its header, for the modes of Pillow.
_SPACES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}

Matrix = Sequence[Sequence[float]]


def to_srgb(image: Image.Image, icc_profile: bytes | None) -> Image.Image:
    """Return the RGB image of an RGB, L or CMYK image. A profile that is broken or does not fit is ignored."""
    mode = _SPACES.get(icc_profile[16:20]) if icc_profile and len(icc_profile) <= MAX_PROFILE_BYTES else None
    if mode == "RGB" and image.mode == "L":
        image = image.convert("RGB")
    if icc_profile and mode == image.mode:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
            return _transform(source, mode).apply(image)
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return image.convert("RGB")


def _transform(source: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")


def cicp_profile(primaries: int, transfer: int) -> bytes | None:
    """Return the profile for numbers of ITU-T H.273; None for sRGB and for numbers that are not known."""
    if primaries not in _PRIMARIES or transfer not in _TRANSFERS or (primaries == 1 and transfer == 13):
        return None
    return _build_profile(_PRIMARIES[primaries], _TRANSFERS[transfer])


def gamma_profile(gamma: float, chromaticities: Sequence[float] | None) -> bytes | None:
    """Return the profile for the values of the PNG chunks gAMA and cHRM; None for values that are nearly sRGB."""
    primaries = tuple(chromaticities or _SRGB)
    is_srgb = all(abs(value - standard) < 0.002 for value, standard in zip(primaries, _SRGB, strict=True))
    if is_srgb and _NEARLY_2_2[0] < gamma < _NEARLY_2_2[1]:
        return None
    return _build_profile(primaries, (1 / gamma,))


@lru_cache(64)
def _build_profile(primaries: tuple[float, ...], curve: tuple[float, ...]) -> bytes | None:
    try:
        columns = _columns_in_d50(primaries)
    except ZeroDivisionError:
        return None
    function_type = 0 if len(curve) == 1 else 3
    try:
        parameters = b"para" + struct.pack(f">IHH{len(curve)}i", 0, function_type, 0, *map(_fixed, curve))
        tags = {
            name: b"XYZ " + struct.pack(">I3i", 0, *map(_fixed, column))
            for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt"), (*columns, _D50), strict=True)
        }
    except struct.error:
        return None
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), parameters)
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(body), len(value))
        body += value + b"\0" * (-len(value) % 4)
    header = struct.pack(
        ">I4sI4s4s4s12s4s4sIIIIII3i4s44x",
        start + len(body), b"\0\0\0\0", 0x04300000, b"mntr", b"RGB ", b"XYZ ", b"\0" * 12, b"acsp", b"\0\0\0\0",
        0, 0, 0, 0, 0, 0, *map(_fixed, _D50), b"\0\0\0\0",
    )  # fmt: skip
    return header + table + body


def _fixed(value: float) -> int:
    return round(value * 65536)


def _columns_in_d50(primaries: tuple[float, ...]) -> Matrix:
    """Return X, Y and Z of red, green and blue, adapted from the white of the color space to that of profiles."""
    white, *colors = (_xyz(*primaries[index : index + 2]) for index in (0, 2, 4, 6))
    weights = _apply(_inverse(_transposed(colors)), white)
    scaled = [[weight * value for value in color] for weight, color in zip(weights, colors, strict=True)]
    from_white, to_white = _apply(_BRADFORD, white), _apply(_BRADFORD, _D50)
    inverse = _inverse(_BRADFORD)
    return [
        _apply(
            inverse,
            [
                value * target / source
                for value, target, source in zip(_apply(_BRADFORD, color), to_white, from_white, strict=True)
            ],
        )
        for color in scaled
    ]


def _xyz(x: float, y: float) -> list[float]:
    return [x / y, 1.0, (1 - x - y) / y]


def _apply(matrix: Matrix, vector: Sequence[float]) -> list[float]:
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def _transposed(matrix: Matrix) -> Matrix:
    return [list(column) for column in zip(*matrix, strict=True)]


def _inverse(matrix: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return [
        [value / determinant for value in row]
        for row in (
            (e * i - f * h, c * h - b * i, b * f - c * e),
            (f * g - d * i, a * i - c * g, c * d - a * f),
            (d * h - e * g, b * g - a * h, a * e - b * d),
        )
    ]
