"""The virtual camera as an engine."""

from functools import partial

import numpy as np

from inference.engines.base import Engine, Frames, OnPreview, OnStep, no_preview
from inference.engines.camera.motion import read_move
from inference.engines.camera.shot import Shot, plan_poses
from inference.generation import GenerationInputs, GenerationRequest


class CameraEngine(Engine):
    """Moves a virtual camera over the image. Steps and guidance of a request have no effect; progress counts frames."""

    def load(self) -> None:
        """Do nothing: there are no weights."""

    def generate(
        self, request: GenerationRequest, inputs: GenerationInputs, on_step: OnStep, on_preview: OnPreview = no_preview
    ) -> Frames:
        move = read_move(request.prompt, request.seed, request.duration_seconds)
        poses = plan_poses(move, request.num_frames, request.fps, request.seed)
        shot = Shot(inputs.required_image, request.width, request.height, poses)
        frames = np.empty((request.num_frames, request.height, request.width, 3), np.uint8)
        for number in range(request.num_frames):
            frames[number] = shot.frame(number)
            on_step(number + 1, request.num_frames)
            on_preview(partial(frames.__getitem__, number))
        return frames
