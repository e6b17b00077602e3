"""Encode images, and fit an image to the shape of a frame."""

import io
import zlib
from typing import TYPE_CHECKING

from PIL import Image
from PIL.Image import Resampling
from PIL.PngImagePlugin import PngInfo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_PREVIEW_SIDE = 256
"""Pixels along the longer side."""
MAX_PREVIEW_BYTES = 15_000
"""20 kB in base64."""


def preview_jpeg(pixels: "NDArray[np.uint8]") -> bytes:
    """Encode pixels (height, width, 3) as a JPEG of at most MAX_PREVIEW_BYTES, for the live preview."""
    image = Image.fromarray(pixels.copy(order="C"))
    image.thumbnail((MAX_PREVIEW_SIDE, MAX_PREVIEW_SIDE), reducing_gap=2.0)
    for quality in (75, 50, 25, 1):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        if buffer.tell() <= MAX_PREVIEW_BYTES:
            break
    return buffer.getvalue()


def encode_png(image: Image.Image, *, xmp: bytes | None = None) -> bytes:
    """Encode the image as PNG, for speed rather than size; `decode_image` returns the same pixels.

    xmp: a packet of XMP metadata, see `inference.provenance`.
    """
    buffer, metadata = io.BytesIO(), PngInfo()
    if xmp is not None:
        metadata.add_itxt("XML:com.adobe.xmp", xmp.decode())
    # In a photograph with PNG's row filters, run lengths are the only redundancy that zlib finds: with Z_RLE the file
    # has the same size after two thirds of the time.
    image.save(buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE, pnginfo=metadata)
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
