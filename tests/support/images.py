"""Images as clients send them."""

from io import BytesIO
from pathlib import Path

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

SAMPLES = Path(__file__).parents[2] / "samples"
CAT = SAMPLES / "cat.jpg"
# Stands between width and height on pages.
TIMES = "\N{MULTIPLICATION SIGN}"


def png(width: int = 96, height: int = 64, color: str = "teal") -> bytes:
    return encoded_image((width, height), color, "PNG")


def encoded_image(size: tuple[int, int], color: str, kind: str) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", size, color).save(buffer, kind)
    return buffer.getvalue()


def image_upload(size: tuple[int, int] = (96, 64), name: str = "still.png", kind: str = "PNG") -> SimpleUploadedFile:
    """An image as a browser uploads it."""
    return SimpleUploadedFile(name, encoded_image(size, "#b45a14", kind), content_type=f"image/{kind.lower()}")
