"""Frame sizes: the resolution sets the number of pixels, the aspect ratio the shape."""

import math
import re
from typing import Annotated, Self

from pydantic import Field, model_validator

from inference import limits
from inference.errors import RequestError
from inference.generation import SIDE_MULTIPLE
from inference.models.table import Table

ASPECT_RATIOS = {"1:1": (1, 1), "16:9": (16, 9), "9:16": (9, 16), "4:3": (4, 3), "3:4": (3, 4)}
AUTO_ASPECT_RATIO = "auto"
DEFAULT_ASPECT_RATIO = "16:9"
"""The shape of a video that is made without an image."""

_RESOLUTION_NAME = r"^[A-Za-z0-9._-]{1,12}$"
# More digits than a side can have, so that the error of a size that is too large names one that is not.
_SIZE = re.compile(r"([1-9]\d{0,8})[xX]([1-9]\d{0,8})", re.ASCII)


class Resolution(Table):
    """A number of pixels. sizes: the exact sizes for some aspect ratios; those of the others are computed."""

    pixels: Annotated[int, Field(gt=0)]
    sizes: dict[str, str] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        for ratio, size in self.sizes.items():
            if ratio not in ASPECT_RATIOS:
                raise ValueError(f"sizes has {ratio!r}, which is none of {', '.join(ASPECT_RATIOS)}")
            if _SIZE.fullmatch(size) is None:
                raise ValueError(f"{size!r} is no size: write WIDTHxHEIGHT, such as 1280x704")
        return self


class Sizes(Table):
    """The sizes that a model can make.

    multiple: what both sides are multiples of. minimum_side: pixels of the shorter side. max_pixels: width x height.
    resolutions: the named ones, from the smallest to the largest; default: the one of a request without a size.
    """

    multiple: Annotated[int, Field(ge=1, multiple_of=SIDE_MULTIPLE)] = SIDE_MULTIPLE
    minimum_side: Annotated[int, Field(ge=1)] = limits.FRAME_SIDE.minimum
    max_pixels: Annotated[int, Field(ge=1)]
    resolutions: Annotated[dict[Annotated[str, Field(pattern=_RESOLUTION_NAME)], Resolution], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, resolution in self.resolutions.items():
            if resolution.pixels > self.max_pixels:
                raise ValueError(f"resolutions.{name}.pixels must not be greater than max_pixels")
            for size in resolution.sizes.values():
                self._check_size(f"resolutions.{name}.sizes", size)
            for aspect_ratio in ASPECT_RATIOS:
                width, height = self.frame_size(name, aspect_ratio, None)
                self._check_size(f"resolutions.{name} at {aspect_ratio}", f"{width}x{height}")
        return self

    def _check_size(self, where: str, size: str) -> None:
        try:
            self.parse(size)
        except RequestError as error:
            raise ValueError(f"{where}: {size}: {error.message}") from error

    def frame_size(self, resolution: str, aspect_ratio: str, image_size: tuple[int, int] | None) -> tuple[int, int]:
        """Return (width, height) with at most as many pixels as `resolution`, rounded down to the multiple.

        `aspect_ratio` "auto" is the entry of ASPECT_RATIOS that is nearest to the image, and
        DEFAULT_ASPECT_RATIO without an image. Raises RequestError.
        """
        found = self.resolutions.get(resolution)
        if found is None:
            raise RequestError(
                "resolution",
                "Unknown resolution. Choose one of: %(resolutions)s.",
                {"resolutions": ", ".join(self.resolutions)},
            )
        if aspect_ratio == AUTO_ASPECT_RATIO:
            aspect_ratio = nearest_aspect_ratio(*image_size) if image_size else DEFAULT_ASPECT_RATIO
        ratio = ASPECT_RATIOS.get(aspect_ratio)
        if ratio is None:
            known = ", ".join([AUTO_ASPECT_RATIO, *ASPECT_RATIOS])
            raise RequestError(
                "aspect_ratio", "Unknown aspect ratio. Choose one of: %(aspect_ratios)s.", {"aspect_ratios": known}
            )
        if aspect_ratio in found.sizes:
            return self.parse(found.sizes[aspect_ratio])
        ratio_width, ratio_height = ratio
        width = math.sqrt(found.pixels * ratio_width / ratio_height)
        height = math.sqrt(found.pixels * ratio_height / ratio_width)
        return self._round_down(width), self._round_down(height)

    def parse(self, text: str) -> tuple[int, int]:
        """Parse `512x768` to (width, height). Raises RequestError if the model cannot make that size."""
        match = _SIZE.fullmatch(text.strip())
        if match is None:
            raise RequestError("size", "The size must be WIDTHxHEIGHT in pixels, such as 512x768.")
        width, height = int(match[1]), int(match[2])
        if width % self.multiple or height % self.multiple:
            nearest = self.nearest(width, height)
            raise RequestError(
                "size",
                "Width and height must be multiples of %(multiple)s, such as %(example)s.",
                {"multiple": self.multiple, "example": nearest},
                kind="off_grid",
                nearest=(nearest,),
            )
        allowed = limits.Range(self.minimum_side, limits.FRAME_SIDE.maximum)
        if width not in allowed or height not in allowed:
            raise RequestError(
                "size",
                "Width and height must be in the range %(range)s pixels.",
                {"range": str(allowed)},
                nearest=(self.nearest(width, height),),
            )
        if width * height > self.max_pixels:
            raise RequestError(
                "size",
                "A frame may have at most %(pixels)s pixels, such as %(example)s.",
                {"pixels": self.max_pixels, "example": self.nearest(width, height)},
                nearest=(self.nearest(width, height),),
            )
        return width, height

    def label(self, width: int, height: int) -> str:
        """Return the resolution whose number of pixels is nearest to width x height, for display and for prices."""
        pixels = width * height
        return min(self.resolutions, key=lambda name: abs(math.log(self.resolutions[name].pixels / pixels)))

    def nearest(self, width: int, height: int, max_pixels: int | None = None) -> str:
        """Return the size of nearly that shape that the model can make.

        max_pixels: a limit below that of the model. Sides are never shorter than the model's shortest, whatever it is.
        """
        max_pixels = self.max_pixels if max_pixels is None else min(max_pixels, self.max_pixels)
        rounded = self._bounded(width), self._bounded(height)
        if math.prod(rounded) > max_pixels:
            shrink = math.sqrt(max_pixels / (width * height))
            rounded = self._bounded(width * shrink), self._bounded(height * shrink)
        if math.prod(rounded) > max_pixels:  # one side is the shortest possible, so the other one has to be shorter
            longest = self._bounded(max_pixels / min(rounded))
            rounded = min(rounded[0], longest), min(rounded[1], longest)
        return "x".join(map(str, rounded))

    def _bounded(self, side: float) -> int:
        smallest = math.ceil(self.minimum_side / self.multiple) * self.multiple
        return max(smallest, self._round_down(min(side, limits.FRAME_SIDE.maximum)))

    def _round_down(self, side: float) -> int:
        return int(side) // self.multiple * self.multiple


def nearest_aspect_ratio(width: int, height: int) -> str:
    """Return the name in ASPECT_RATIOS that is closest to width:height on a logarithmic scale."""
    log_ratio = math.log(width / height)
    return min(
        ASPECT_RATIOS, key=lambda name: abs(math.log(ASPECT_RATIOS[name][0] / ASPECT_RATIOS[name][1]) - log_ratio)
    )
