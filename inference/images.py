"""Decode untrusted bytes to a plain RGB image, and fit an image to the shape of a frame.

The header is checked before anything is decoded: a few kilobytes can declare gigabytes of pixels.
"""

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.Image import Resampling

from inference.errors import ImageError, ImageErrorCode
from inference.limits import MAX_IMAGE_ASPECT_RATIO, MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE

BACKGROUND = (255, 255, 255)
"""RGB colour behind transparent pixels."""

MAX_PREVIEW_SIDE = 256
"""Pixels along the longer side."""
MAX_PREVIEW_BYTES = 15_000
"""20 kB in base64."""

_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}
_SIZE_LIMITS = {"megapixels": MAX_IMAGE_PIXELS // 10**6, "side": MAX_IMAGE_SIDE}
# Each scan of a progressive JPEG processes the whole image again: 469 kB with 10,000 scans took 53 s. The marker
# cannot occur in entropy-coded data; ordinary files have about ten scans.
_JPEG_SCAN_MARKER, _MAX_JPEG_SCANS = b"\xff\xda", 100
_DECODE_ERRORS = (
    struct.error,
    zlib.error,
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    MemoryError,
)
"""Errors that Pillow's decoders raise for broken files (SyntaxError: a broken PNG)."""


def decode_image(data: bytes) -> Image.Image:
    """Decode `data` to an RGB image with its EXIF orientation applied and without metadata. Raises ImageError.

    Reads PNG, JPEG and WebP, detected by content, up to 25 megapixels and 8192 pixels per side. Greyscale, palette,
    CMYK and 16-bit images become 8-bit RGB; transparent pixels become white.
    """
    image_format = _detect_format(data)
    if image_format == "JPEG" and data.count(_JPEG_SCAN_MARKER) > _MAX_JPEG_SCANS:
        raise ImageError(
            ImageErrorCode.UNREADABLE,
            "The JPEG file has too many scans: at most %(maximum)s are allowed. Save it as a baseline JPEG.",
            {"maximum": _MAX_JPEG_SCANS},
        )
    image = _open(data, image_format)
    _check_header(image)
    try:
        image.load()
        return _to_rgb(_apply_orientation(image))
    except _DECODE_ERRORS as error:
        raise _decode_error(error) from error


def preview_jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """Encode pixels (height, width, 3) as a JPEG of at most MAX_PREVIEW_BYTES, for the live preview."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((MAX_PREVIEW_SIDE, MAX_PREVIEW_SIDE), reducing_gap=2.0)
    for quality in (75, 50, 25, 1):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        if buffer.tell() <= MAX_PREVIEW_BYTES:
            break
    return buffer.getvalue()


def encode_png(image: Image.Image) -> bytes:
    """Encode the image as PNG, for speed rather than size; `decode_image` returns the same pixels."""
    buffer = io.BytesIO()
    # In a photograph with PNG's row filters, run lengths are the only redundancy that zlib finds: with Z_RLE the file
    # has the same size after two thirds of the time.
    image.save(buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return buffer.getvalue()


def fit_image(image: Image.Image, width: int, height: int, resample: Resampling = Resampling.LANCZOS) -> Image.Image:
    """Return the largest centred part of the image with the shape width:height, scaled to width x height.

    It is cropped before it is scaled: scaling an image of 2048 x 1 pixels to cover a frame would take gigabytes.
    """
    scale = min(image.width / width, image.height / height)
    # A quotient that was rounded up would crop beyond the edge.
    crop_width, crop_height = min(width * scale, image.width), min(height * scale, image.height)
    left, top = (image.width - crop_width) / 2, (image.height - crop_height) / 2
    return image.resize((width, height), resample, box=(left, top, left + crop_width, top + crop_height))


def _detect_format(data: bytes) -> str:
    """Return the image format according to the first bytes."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    for signature, image_format in _SIGNATURES.items():
        if data.startswith(signature):
            return image_format
    if not data:
        raise ImageError(ImageErrorCode.UNREADABLE, "The file is empty. Send a PNG, JPEG or WebP image.")
    raise ImageError(
        ImageErrorCode.UNSUPPORTED,
        "The content of the file is not a PNG, JPEG or WebP image. Convert it to one of these formats.",
    )


def _open(data: bytes, image_format: str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=[image_format])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(
            ImageErrorCode.TOO_LARGE,
            "The image is too large: at most %(megapixels)s megapixels and %(side)s pixels per side are allowed. "
            "Send a smaller image.",
            _SIZE_LIMITS,
        ) from error
    except UnidentifiedImageError as error:
        raise ImageError(
            ImageErrorCode.UNREADABLE,
            "The %(format)s file has no readable header. Save the image again and send the new file.",
            {"format": image_format},
        ) from error
    except _DECODE_ERRORS as error:
        raise _decode_error(error) from error


def _check_header(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_IMAGE_PIXELS or max(width, height) > MAX_IMAGE_SIDE:
        raise ImageError(
            ImageErrorCode.TOO_LARGE,
            "The image is too large (%(width)s x %(height)s pixels): at most %(megapixels)s megapixels and "
            "%(side)s pixels per side are allowed. Send a smaller image.",
            {"width": width, "height": height, **_SIZE_LIMITS},
        )
    if max(width, height) > MAX_IMAGE_ASPECT_RATIO * min(width, height):
        raise ImageError(
            ImageErrorCode.UNSUPPORTED,
            "The image is too narrow: no side may be longer than %(ratio)s times the other. Crop the image.",
            {"ratio": MAX_IMAGE_ASPECT_RATIO},
        )
    # Phones write JPEG files with a preview as a second image (MPO): the first image is the photograph.
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise ImageError(ImageErrorCode.ANIMATED, "The image is animated. Send a still image.")


def _decode_error(error: Exception) -> ImageError:
    if isinstance(error, MemoryError):
        return ImageError(
            ImageErrorCode.TOO_LARGE, "The image needs more memory than is available. Send a smaller image."
        )
    reason = str(error).lower()
    if any(sign in reason for sign in ("truncat", "incomplete", "not enough", "unexpected end", "broken data")):
        return ImageError(ImageErrorCode.TRUNCATED, "The image file is truncated. Send the complete file.")
    return ImageError(
        ImageErrorCode.UNREADABLE,
        "The image is damaged and cannot be read. Save it again and send the new file.",
    )


def _apply_orientation(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation. Broken metadata, for which Pillow warns or raises, is ignored."""
    try:
        return ImageOps.exif_transpose(image)
    except (*_DECODE_ERRORS, Warning):
        return image


def _to_rgb(image: Image.Image) -> Image.Image:
    """Return a copy that contains nothing but RGB pixels."""
    if image.mode.startswith("I"):
        image = _scale_16_bit(image)
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        plain = Image.new("RGB", image.size, BACKGROUND)
        plain.paste(clear, mask=clear.getchannel("A"))
    else:
        plain = image.convert("RGB")
    plain.info.clear()
    return plain


def _scale_16_bit(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits. Pillow's own conversion clips it to white."""
    return Image.fromarray((np.asarray(image).astype(np.uint32) // 257).clip(0, 255).astype(np.uint8))
