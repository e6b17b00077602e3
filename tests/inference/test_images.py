"""Fitting an image to the shape of a frame."""

import numpy as np
import pytest
from PIL import Image

from inference.images import fit_image


@pytest.mark.parametrize("size", [(64, 64), (64, 32), (32, 64), (200, 100), (8, 8), (39, 23)])
def test_fit_covers_the_frame_without_borders(size: tuple[int, int]) -> None:
    white = Image.new("RGB", (640, 427), "white")
    fitted = fit_image(white, *size)
    assert fitted.size == size
    assert np.asarray(fitted).min() == 255


@pytest.mark.parametrize("height", range(1, 400, 3))
def test_a_quotient_that_is_rounded_up_does_not_crop_beyond_the_edge(height: int) -> None:
    assert fit_image(Image.new("L", (64, 48)), 64, height).size == (64, height)


def test_a_tall_image_is_cropped() -> None:
    assert fit_image(Image.new("RGB", (2000, 100)), 64, 64).size == (64, 64)
