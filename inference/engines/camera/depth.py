"""Estimate depth from a single image by simple heuristics."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

ESTIMATE_SIDE = 96
"""Pixels on the longer side of the image that is analysed. Depth must be smooth: details would tear the image."""


def estimate_depth(image: Image.Image, columns: int, rows: int) -> NDArray[np.float64]:
    """Return nearness as (rows, columns) from -1 (far) to 1 (near).

    It combines three heuristics that hold for most photographs: the ground is near and the sky is far; subjects are in
    the middle; subjects differ in color from the borders.
    """
    small = image.copy()
    small.thumbnail((ESTIMATE_SIDE, ESTIMATE_SIDE), Image.Resampling.BOX)
    colors = np.asarray(small, dtype=np.float64) / 255
    height, width, _ = colors.shape
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    middle = np.exp(-(x**2 / 0.5 + y**2 / 0.7))
    salience = _normalize(_salience(colors)) * (0.35 + 0.65 * middle)
    nearness = 0.55 * y + 0.9 * _normalize(salience) + 0.35 * middle
    return _resample(_normalize(nearness) * 2 - 1, columns, rows)


def _salience(colors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each pixel the RGB distance to the nearest of the mean colors of the four borders."""
    borders = [colors[:4], colors[-4:], colors[:, :4], colors[:, -4:]]
    distances = [np.linalg.norm(colors - border.reshape(-1, 3).mean(axis=0), axis=2) for border in borders]
    nearest: NDArray[np.float64] = np.minimum.reduce(distances)
    return nearest


def _normalize(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = np.percentile(values, (2, 98))
    unit: NDArray[np.float64] = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
    return unit


def _resample(values: NDArray[np.float64], columns: int, rows: int) -> NDArray[np.float64]:
    """Blur, so that neighbouring corners of the mesh move together, then sample at the corners."""
    levels = Image.fromarray(((values + 1) * 127.5).astype(np.uint8))
    blurred = levels.filter(ImageFilter.GaussianBlur(max(levels.size) / 14))
    sampled = blurred.convert("F").resize((columns, rows), Image.Resampling.BILINEAR)
    return np.asarray(sampled, dtype=np.float64) / 127.5 - 1
