"""Frame sizes of a model."""

import pytest
from pydantic import ValidationError

from inference.errors import RequestError
from inference.models.catalogue import get_model
from inference.models.sizes import ASPECT_RATIOS, Sizes, nearest_aspect_ratio

SIZES = get_model("i2vgen-xl").sizes
WIDE = Sizes.model_validate(
    {
        "multiple": 32,
        "max_pixels": 1280 * 704,
        "resolutions": {"720p": {"pixels": 1280 * 704, "sizes": {"16:9": "1280x704"}}},
    }
)


@pytest.mark.parametrize("resolution", SIZES.resolutions)
@pytest.mark.parametrize("aspect_ratio", ASPECT_RATIOS)
def test_frame_sizes_are_multiples_of_8_within_the_resolution(resolution: str, aspect_ratio: str) -> None:
    width, height = SIZES.frame_size(resolution, aspect_ratio, None)
    ratio_width, ratio_height = ASPECT_RATIOS[aspect_ratio]
    pixels = SIZES.resolutions[resolution].pixels
    assert width % 8 == height % 8 == 0
    assert 0.9 * pixels < width * height <= pixels
    assert width / height == pytest.approx(ratio_width / ratio_height, rel=0.03)
    assert SIZES.label(width, height) == resolution


def test_a_listed_size_is_exact_and_the_others_are_computed() -> None:
    assert WIDE.frame_size("720p", "16:9", None) == (1280, 704)
    width, height = WIDE.frame_size("720p", "1:1", None)
    assert width == height == 928


def test_auto_follows_the_shape_of_the_image() -> None:
    assert SIZES.frame_size("512p", "auto", (1000, 1000)) == (512, 512)
    assert SIZES.frame_size("512p", "auto", (1920, 1080)) == SIZES.frame_size("512p", "16:9", None)
    assert SIZES.frame_size("512p", "auto", (1080, 2400)) == SIZES.frame_size("512p", "9:16", None)
    assert SIZES.frame_size("512p", "auto", None) == SIZES.frame_size("512p", "16:9", None)
    assert nearest_aspect_ratio(640, 427) == "4:3"
    assert nearest_aspect_ratio(427, 640) == "3:4"
    assert nearest_aspect_ratio(8192, 1) == "16:9"


@pytest.mark.parametrize(
    ("resolution", "aspect_ratio", "field"), [("4k", "1:1", "resolution"), ("512p", "2:1", "aspect_ratio")]
)
def test_unknown_names_are_rejected(resolution: str, aspect_ratio: str, field: str) -> None:
    with pytest.raises(RequestError) as caught:
        SIZES.frame_size(resolution, aspect_ratio, None)
    assert caught.value.field == field


def test_sizes_are_parsed() -> None:
    assert SIZES.parse("512x768") == (512, 768)
    assert SIZES.parse(" 1280X704 ") == (1280, 704)
    for text in (
        "512",
        "512x",
        "x512",
        "0x512",
        "-8x8",
        "512*512",
        "512x512x512",
        "\u0665\u0661\u0662x512",
        "512 x 512",
        "999999x8",
    ):
        with pytest.raises(RequestError):
            SIZES.parse(text)


@pytest.mark.parametrize(
    ("sizes", "text", "nearest"),
    [
        (SIZES, "513x510", "512x504"),
        (SIZES, "8x512", "64x512"),
        (SIZES, "2048x2048", "1024x1024"),
        (SIZES, "2048x1024", "1448x720"),
        (SIZES, "99999x8", "2048x64"),
        (WIDE, "1280x720", "1280x704"),
        (WIDE, "1280x1280", "928x928"),
    ],
)
def test_the_error_names_a_size_that_the_model_can_make(sizes: Sizes, text: str, nearest: str) -> None:
    with pytest.raises(RequestError) as caught:
        sizes.parse(text)
    assert caught.value.nearest == (nearest,)
    assert sizes.parse(nearest)


@pytest.mark.parametrize(
    ("resolution", "problem"),
    [
        ({"pixels": 2_000_000}, "max_pixels"),
        ({"pixels": 900_000, "sizes": {"16:9": "1280x720"}}, "multiples of 32"),
        ({"pixels": 900_000, "sizes": {"2:1": "1280x704"}}, "2:1"),
        ({"pixels": 900_000, "sizes": {"16:9": "wide"}}, "WIDTHxHEIGHT"),
    ],
)
def test_resolutions_that_a_model_cannot_make_are_refused(resolution: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Sizes.model_validate({"multiple": 32, "max_pixels": 1280 * 704, "resolutions": {"720p": resolution}})
