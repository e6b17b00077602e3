"""Frame sizes: the resolution sets the number of pixels, the aspect ratio the shape."""

import math
import re

from inference.errors import RequestError

RESOLUTIONS = {"256p": 256, "512p": 512, "768p": 768, "1024p": 1024}
"""Resolution name to the side of a square with the same number of pixels."""

ASPECT_RATIOS = {"1:1": (1, 1), "16:9": (16, 9), "9:16": (9, 16), "4:3": (4, 3), "3:4": (3, 4)}
AUTO_ASPECT_RATIO = "auto"
SIDE_MULTIPLE = 8
"""The factor by which the autoencoder of the diffusion model shrinks each side."""

_SIZE = re.compile(r"([1-9]\d{0,4})[xX]([1-9]\d{0,4})", re.ASCII)


def nearest_aspect_ratio(width: int, height: int) -> str:
    """Return the name in ASPECT_RATIOS that is closest to width:height on a logarithmic scale."""
    log_ratio = math.log(width / height)
    return min(
        ASPECT_RATIOS, key=lambda name: abs(math.log(ASPECT_RATIOS[name][0] / ASPECT_RATIOS[name][1]) - log_ratio)
    )


def frame_size(resolution: str, aspect_ratio: str, image_width: int, image_height: int) -> tuple[int, int]:
    """Return (width, height) with at most as many pixels as `resolution`, rounded down to multiples of 8.

    `aspect_ratio` "auto" is the entry of ASPECT_RATIOS that is nearest to the image. Raises RequestError.
    """
    side = RESOLUTIONS.get(resolution)
    if side is None:
        raise RequestError(
            "resolution", "Unknown resolution. Choose one of: %(resolutions)s.", {"resolutions": ", ".join(RESOLUTIONS)}
        )
    if aspect_ratio == AUTO_ASPECT_RATIO:
        aspect_ratio = nearest_aspect_ratio(image_width, image_height)
    ratio = ASPECT_RATIOS.get(aspect_ratio)
    if ratio is None:
        known = ", ".join([AUTO_ASPECT_RATIO, *ASPECT_RATIOS])
        raise RequestError(
            "aspect_ratio", "Unknown aspect ratio. Choose one of: %(aspect_ratios)s.", {"aspect_ratios": known}
        )
    ratio_width, ratio_height = ratio
    width = math.sqrt(side * side * ratio_width / ratio_height)
    height = math.sqrt(side * side * ratio_height / ratio_width)
    return _round_down(width), _round_down(height)


def parse_size(text: str) -> tuple[int, int]:
    """Parse `512x768` to (width, height). Raises RequestError unless both are multiples of 8."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise RequestError("size", "The size must be WIDTHxHEIGHT in pixels, such as 512x768.")
    width, height = int(match[1]), int(match[2])
    if width % SIDE_MULTIPLE or height % SIDE_MULTIPLE:
        nearest = f"{max(8, _round_down(width))}x{max(8, _round_down(height))}"
        raise RequestError(
            "size",
            "Width and height must be multiples of %(multiple)s, such as %(example)s.",
            {"multiple": SIDE_MULTIPLE, "example": nearest},
        )
    return width, height


def resolution_label(width: int, height: int) -> str:
    """Return the resolution whose number of pixels is nearest to width x height, for display and for prices."""
    side = math.sqrt(width * height)
    return min(RESOLUTIONS, key=lambda name: abs(math.log(RESOLUTIONS[name] / side)))


def _round_down(side: float) -> int:
    return int(side) // SIDE_MULTIPLE * SIDE_MULTIPLE
