"""The virtual camera as an engine."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from inference.engines.base import Engine, GeneratedVideo, OnPreview, OnStep, no_preview
from inference.engines.camera.motion import read_move
from inference.engines.camera.shot import Shot, plan_poses
from inference.frames_file import Frames
from inference.generation import GenerationInputs, GenerationRequest


class CameraEngine(Engine):
    """Moves a virtual camera over the image. Steps and guidance of a request have no effect; progress counts frames."""

    def load(self) -> None:
        """Do nothing: there are no weights."""

    def generate(
        self, request: GenerationRequest, inputs: GenerationInputs, on_step: OnStep, on_preview: OnPreview = no_preview
    ) -> GeneratedVideo:
        move = read_move(request.prompt, request.seed, request.duration_seconds)
        poses = plan_poses(move, request.num_frames, request.fps, request.seed)
        shot = Shot(inputs.required_image, request.width, request.height, poses)
        return GeneratedVideo(_render(shot, on_step, on_preview))


def _render(shot: Shot, on_step: OnStep, on_preview: OnPreview) -> Iterator[Frames]:
    total = len(shot.poses)
    for number in range(total):
        frame = shot.frame(number)
        on_step(number + 1, total)
        on_preview(partial(np.asarray, frame))
        yield frame[np.newaxis]
