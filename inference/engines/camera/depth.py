"""A guess at what lies near, from nothing but the picture."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

ESTIMATE_SIDE = 96
"""Pixels on the longer side at which the guess is made: depth should be smooth, and details would only tear."""


def estimate_depth(image: Image.Image, columns: int, rows: int) -> NDArray[np.float64]:
    """(rows, columns) of nearness in -1 (far) to 1 (near).

    Three weak signs that photographs mostly obey: the ground is near and the sky is far; subjects stand in the
    middle; and subjects differ in colour from what runs along the border.
    """
    small = image.copy()
    small.thumbnail((ESTIMATE_SIDE, ESTIMATE_SIDE), Image.Resampling.BOX)
    colours = np.asarray(small, dtype=np.float64) / 255
    height, width, _ = colours.shape
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    middle = np.exp(-(x**2 / 0.5 + y**2 / 0.7))
    salience = _normalize(_salience(colours)) * (0.35 + 0.65 * middle)
    nearness = 0.55 * y + 0.9 * _normalize(salience) + 0.35 * middle
    return _resample(_normalize(nearness) * 2 - 1, columns, rows)


def _salience(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each pixel's colour is from the nearest of the colours of the four borders."""
    borders = [colours[:4], colours[-4:], colours[:, :4], colours[:, -4:]]
    distances = [np.linalg.norm(colours - border.reshape(-1, 3).mean(axis=0), axis=2) for border in borders]
    nearest: NDArray[np.float64] = np.minimum.reduce(distances)
    return nearest


def _normalize(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = np.percentile(values, (2, 98))
    unit: NDArray[np.float64] = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
    return unit


def _resample(values: NDArray[np.float64], columns: int, rows: int) -> NDArray[np.float64]:
    """Blurred so that neighbouring corners of the mesh move together, then sampled at its corners."""
    levels = Image.fromarray(((values + 1) * 127.5).astype(np.uint8))
    blurred = levels.filter(ImageFilter.GaussianBlur(max(levels.size) / 14))
    sampled = blurred.convert("F").resize((columns, rows), Image.Resampling.BILINEAR)
    return np.asarray(sampled, dtype=np.float64) / 127.5 - 1
