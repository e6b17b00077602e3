"""What all formats have in common: the parsed file, the limits of its size, and the errors."""

from dataclasses import dataclass
from enum import Enum

from inference.errors import ImageError, ImageErrorCode
from inference.limits import MAX_IMAGE_ASPECT_RATIO, MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE

MAX_PROFILE_BYTES = 4_000_000
"""A larger color profile is ignored. The largest of printers have about 3 MB."""


class LowBytes(Enum):
    """Where the low bytes of a PNG with 16 bits are found."""

    ALPHA = "alpha"
    """In the channel of the transparency: the file was rebuilt so."""
    SECOND_READ = "second_read"
    """In the samples as Pillow reads them with the other order of bytes."""


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """A file without metadata, and what was read from the metadata."""

    format: str
    data: bytes
    orientation: int = 1
    """As EXIF counts: 1 is upright."""
    icc_profile: bytes | None = None
    transparent_color: tuple[int, ...] | None = None
    """The samples of the one color of a PNG that is transparent."""
    low_bytes: LowBytes | None = None
    """Set for samples of 16 bits, of which Pillow keeps the high byte."""


def check_size(width: int, height: int) -> None:
    """Raise ImageError if an image of this size must not be decoded."""
    if min(width, height) < 1:
        raise damaged()
    if width * height > MAX_IMAGE_PIXELS or max(width, height) > MAX_IMAGE_SIDE:
        raise ImageError(
            ImageErrorCode.TOO_LARGE,
            "The image is too large (%(width)s x %(height)s pixels): at most %(megapixels)s megapixels and "
            "%(side)s pixels per side are allowed. Send a smaller image.",
            {"width": width, "height": height, "megapixels": MAX_IMAGE_PIXELS // 10**6, "side": MAX_IMAGE_SIDE},
        )
    if max(width, height) > MAX_IMAGE_ASPECT_RATIO * min(width, height):
        raise ImageError(
            ImageErrorCode.UNSUPPORTED,
            "The image is too narrow: no side may be longer than %(ratio)s times the other. Crop the image.",
            {"ratio": MAX_IMAGE_ASPECT_RATIO},
        )


def too_large() -> ImageError:
    """Return the error for an image whose size a library refuses."""
    return ImageError(
        ImageErrorCode.TOO_LARGE,
        "The image is too large: at most %(megapixels)s megapixels and %(side)s pixels per side are allowed. "
        "Send a smaller image.",
        {"megapixels": MAX_IMAGE_PIXELS // 10**6, "side": MAX_IMAGE_SIDE},
    )


def damaged() -> ImageError:
    """Return the error for a file that breaks the rules of its format."""
    return ImageError(
        ImageErrorCode.UNREADABLE,
        "The image is damaged and cannot be read. Save it again and send the new file.",
    )


def truncated() -> ImageError:
    """Return the error for a file that ends too early."""
    return ImageError(ImageErrorCode.TRUNCATED, "The image file is truncated. Send the complete file.")


def animated() -> ImageError:
    """Return the error for a file with more than one frame."""
    return ImageError(ImageErrorCode.ANIMATED, "The image is animated. Send a still image.")


def too_many_parts(maximum: int) -> ImageError:
    """Return the error for a file that is cut into more parts than any program writes."""
    return ImageError(
        ImageErrorCode.UNREADABLE,
        "The image file consists of too many parts: at most %(maximum)s are allowed. Save it again and send the new "
        "file.",
        {"maximum": maximum},
    )


def too_much_memory() -> ImageError:
    """Return the error for an image that exceeds the memory of a decoder."""
    return ImageError(ImageErrorCode.TOO_LARGE, "The image needs more memory than is available. Send a smaller image.")


def too_much_time() -> ImageError:
    """Return the error for an image that exceeds the CPU time of a decoder."""
    return ImageError(
        ImageErrorCode.UNREADABLE,
        "The image takes too long to decode. Save it again as an ordinary PNG or JPEG file.",
    )
