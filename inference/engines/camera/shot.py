"""Render the image as seen by the moving camera, frame by frame.

Every frame is drawn through a mesh of small quadrilaterals of the image, whose corners are moved by the camera and by
the estimated depth, with subpixel precision.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.engines.camera.depth import estimate_depth
from inference.engines.camera.motion import ease
from inference.engines.camera.moves import Move
from inference.images import fit_image

CELL = 16
"""Side of a mesh cell in pixels."""
PARALLAX = 0.022
"""Shift of the nearest and farthest points against the middle at full strength, as a fraction of the frame height."""
SWAY = 0.006
"""Amplitude of the main oscillation of a hand-held shake at full strength, as a fraction of the frame height."""
OVERSIZE = 1.15
"""The source image is scaled to this multiple of the frame, so that a closer view still shows detail."""

Corners = NDArray[np.float64]
"""(rows, columns, 2): x and y in units of the frame height, relative to its centre."""


@dataclass(frozen=True, slots=True)
class Pose:
    """The view in one frame: the part of the move that is reached, and the offset by hand-held shake."""

    move: Move
    shake_x: float
    shake_y: float


def plan_poses(move: Move, num_frames: int, fps: int, seed: int) -> list[Pose]:
    """Return one pose per frame. The move is centred: the middle of the video has the framing of the image."""
    progress = ease(np.linspace(0, 1, num_frames) if num_frames > 1 else np.zeros(1))
    time = np.arange(num_frames) / fps
    phases = np.random.default_rng([seed, 1]).uniform(0, 2 * math.pi, 4)
    shake_x = np.sin(2.1 * math.pi * time + phases[0]) + 0.6 * np.sin(4.7 * math.pi * time + phases[1])
    shake_y = np.sin(2.9 * math.pi * time + phases[2]) + 0.6 * np.sin(5.3 * math.pi * time + phases[3])
    strength = SWAY * move.sway
    poses = []
    for fraction, x, y in zip(progress, shake_x, shake_y, strict=True):
        centred = move * (fraction - 0.5)
        poses.append(Pose(centred, float(strength * x), float(strength * y)))
    return poses


class Shot:
    """An image, a frame size and all poses of a video, which together determine how much must be cropped."""

    def __init__(self, image: Image.Image, width: int, height: int, poses: list[Pose]) -> None:
        self.width, self.height, self.poses = width, height, poses
        self.columns, self.rows = -(-width // CELL), -(-height // CELL)
        self.source = fit_image(image, round(width * OVERSIZE), round(height * OVERSIZE))
        self.grid = self._grid()
        self.nearness = estimate_depth(self.source, self.columns + 1, self.rows + 1)
        self.margin = self._margin()

    def frame(self, number: int) -> NDArray[np.uint8]:
        """Return the frame with this index, (height, width, 3), RGB."""
        corners = self._source_corners(self.poses[number]) * self.margin
        half = np.array([self.source.width, self.source.height]) / 2
        pixels = corners * self.source.height + half
        # Rounding may place a corner slightly outside the image, where Pillow paints black.
        pixels = np.clip(pixels, 0.0, np.nextafter(half * 2, 0))
        image = self.source.transform(
            (self.width, self.height), Image.Transform.MESH, self._mesh(pixels), Image.Resampling.BICUBIC
        )
        return np.asarray(image)

    def _grid(self) -> Corners:
        """Return the corners of the mesh in the frame."""
        x = np.minimum(np.arange(self.columns + 1) * CELL, self.width) / self.height - self.width / self.height / 2
        y = np.minimum(np.arange(self.rows + 1) * CELL, self.height) / self.height - 0.5
        return np.stack(np.meshgrid(x, y), axis=2)

    def _source_corners(self, pose: Pose) -> Corners:
        """Return the source point of each corner: parallax, which belongs to the scene, then the motion of the view."""
        move = pose.move
        near = self.nearness[..., None]
        corners = self.grid * (1 - PARALLAX * 2 * move.dolly * near)
        corners = corners + near * np.array([PARALLAX * -move.track, 0.0])
        cosine, sine = math.cos(move.roll), math.sin(move.roll)
        corners = corners @ np.array([[cosine, -sine], [sine, cosine]]) * math.exp(-move.zoom)
        view: Corners = corners + np.array([move.pan + pose.shake_x, move.tilt + pose.shake_y])
        return view

    def _margin(self) -> float:
        """Return the largest scale at which no frame extends beyond the image."""
        bounds = np.array([self.width / self.height / 2, 0.5])
        furthest = max(float((np.abs(self._source_corners(pose)) / bounds).max()) for pose in self.poses)
        return 1 / max(furthest, 1.0)

    def _mesh(self, pixels: Corners) -> list[tuple[tuple[int, int, int, int], tuple[float, ...]]]:
        """Return Pillow's mesh: boxes of the frame, each with its quadrilateral (NW, SW, SE, NE) of the source."""
        quads = np.concatenate([pixels[:-1, :-1], pixels[1:, :-1], pixels[1:, 1:], pixels[:-1, 1:]], axis=2)
        return [
            (
                (column * CELL, row * CELL, min((column + 1) * CELL, self.width), min((row + 1) * CELL, self.height)),
                tuple(quads[row, column].tolist()),
            )
            for row in range(self.rows)
            for column in range(self.columns)
        ]
