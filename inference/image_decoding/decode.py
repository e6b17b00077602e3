"""Decode untrusted bytes to an upright sRGB image without metadata."""

import functools
import io
from collections.abc import Sequence

import pillow_heif

# Plugins that are not imported here would be imported with all others when the first image is opened.
from PIL import AvifImagePlugin, Image, ImageChops, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401
from PIL.ImageFile import ImageFile as PillowFile

from inference.errors import ImageError
from inference.image_decoding.color import to_srgb
from inference.image_decoding.exif import read_orientation
from inference.image_decoding.formats import detect_format
from inference.image_decoding.heif import parse_heif
from inference.image_decoding.jpeg import parse_jpeg
from inference.image_decoding.parts import (
    ImageFile,
    LowBytes,
    animated,
    check_size,
    damaged,
    too_large,
    too_much_memory,
    truncated,
)
from inference.image_decoding.png import parse_png
from inference.image_decoding.webp import parse_webp

BACKGROUND = (255, 255, 255)
"""RGB color behind transparent pixels."""

_PARSERS = {"JPEG": parse_jpeg, "PNG": parse_png, "WEBP": parse_webp}
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# The signs in messages of Pillow that the data ended too early.
_TRUNCATION_SIGNS = ("truncat", "incomplete", "not enough", "unexpected end", "broken data")

# One thread for one image: the threads of a decoder would reserve memory of their own.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
pillow_heif.options.DECODE_THREADS = 1
pillow_heif.options.THUMBNAILS = pillow_heif.options.DEPTH_IMAGES = pillow_heif.options.AUX_IMAGES = False


def decode_image(data: bytes, *, max_side: int | None = None) -> Image.Image:
    """Decode `data` to an RGB image, upright and in sRGB, without metadata. Raise ImageError, and nothing else.

    Reads PNG, JPEG, WebP, HEIC and AVIF, detected by content, up to 25 megapixels and 8192 pixels per side. Grayscale,
    palette, CMYK and 16-bit images become 8-bit RGB; transparent pixels become white. Orientation and color profiles
    are applied as browsers do.

    max_side: scale the image down to this many pixels along the longer side.
    """
    try:
        return _decode(data, max_side)
    except ImageError:
        raise
    except Exception as error:
        raise _as_image_error(error) from error


def _decode(data: bytes, max_side: int | None) -> Image.Image:
    image_format = detect_format(data)
    if image_format in _PARSERS:
        file = _PARSERS[image_format](data)
        image, orientation, icc_profile = _open(file), file.orientation, file.icc_profile
    else:
        image, orientation, icc_profile = (_open_avif if image_format == "AVIF" else _open_heic)(data)
    if max_side:
        image.thumbnail((max_side, max_side))
    plain = _to_rgb(image, icc_profile)
    if orientation in _TRANSPOSITIONS:
        plain = plain.transpose(_TRANSPOSITIONS[orientation])
    plain.info.clear()
    return plain


def _open(file: ImageFile) -> Image.Image:
    """Decode the pixels to a mode that can be scaled: L, LA, RGB, RGBA or CMYK."""
    image = _load(file)
    if image.mode == "P":
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    low = None
    if file.low_bytes is LowBytes.ALPHA:
        image, low = image.getchannel("L"), image.getchannel("A")
    if image.mode == "1":
        image = image.convert("L")
    if file.transparent_color is None:
        return image
    if file.low_bytes is LowBytes.SECOND_READ:
        low = _load(file, raw_mode="RGB;16L")
    if low is None:
        clear = _equals(image, file.transparent_color)
    else:
        clear = ImageChops.darker(
            _equals(image, [sample >> 8 for sample in file.transparent_color]),
            _equals(low, [sample & 0xFF for sample in file.transparent_color]),
        )
    image.putalpha(ImageChops.invert(clear))
    return image


def _load(file: ImageFile, *, raw_mode: str | None = None) -> Image.Image:
    image = Image.open(io.BytesIO(file.data), formats=[file.format])
    if raw_mode and isinstance(image, PillowFile):
        image.tile = [tile._replace(args=raw_mode) for tile in image.tile]
    image.load()
    return image


def _equals(image: Image.Image, color: Sequence[int]) -> Image.Image:
    """Return 255 where a pixel has this color, else 0."""
    bands = [
        band.point([255 if value == sample else 0 for value in range(256)])
        for band, sample in zip(image.split(), color, strict=True)
    ]
    return functools.reduce(ImageChops.darker, bands)


def _open_avif(data: bytes) -> tuple[Image.Image, int, bytes | None]:
    hidden, icc_profile = parse_heif(data)
    image = Image.open(io.BytesIO(hidden), formats=["AVIF"])
    check_size(*image.size)
    if getattr(image, "is_animated", False):
        raise animated()
    # Pillow writes the orientation that the container says as EXIF data.
    orientation = read_orientation(image.info.get("exif", b"").removeprefix(b"Exif\0\0"))
    image.load()
    return image, orientation, icc_profile


def _open_heic(data: bytes) -> tuple[Image.Image, int, bytes | None]:
    hidden, icc_profile = parse_heif(data)
    file = pillow_heif.open_heif(hidden)
    primary = file[file.primary_index]
    check_size(*primary.size)
    # libheif turns the image as the container says.
    image = primary.to_pillow()
    return image.convert("RGBA") if image.mode == "RGBa" else image, 1, icc_profile


def _to_rgb(image: Image.Image, icc_profile: bytes | None) -> Image.Image:
    """Return the image in sRGB on the background."""
    if image.mode not in {"LA", "RGBA"}:
        return to_srgb(image, icc_profile)
    alpha = image.getchannel("A")
    plain = Image.new("RGB", image.size, BACKGROUND)
    plain.paste(to_srgb(image.convert(image.mode.removesuffix("A")), icc_profile), mask=alpha)
    return plain


def _as_image_error(error: Exception) -> ImageError:
    """Return the error for an exception of a library."""
    if isinstance(error, MemoryError):
        return too_much_memory()
    if isinstance(error, Image.DecompressionBombError):
        return too_large()
    reason = str(error).lower()
    return truncated() if any(sign in reason for sign in _TRUNCATION_SIGNS) else damaged()
