"""The engine that runs a pipeline of diffusers; models subclass it."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from inference.audio import Audio
from inference.engines.base import Engine, GeneratedVideo, OnPreview, OnStep, no_preview
from inference.engines.device_errors import translate_device_errors
from inference.engines.diffusion_pipelines.checkpoint import load_pipeline
from inference.engines.diffusion_pipelines.loras import PipelineLoras
from inference.engines.diffusion_pipelines.memory import PipelineMemory, memory_levels
from inference.engines.diffusion_pipelines.options import PipelineOptions
from inference.engines.diffusion_pipelines.preview import LatentPreview
from inference.engines.pixels import check_finite, frames_of
from inference.errors import OutOfMemory
from inference.frames_file import Frames
from inference.generation import GenerationInputs, GenerationRequest

Options = TypeVar("Options", bound=PipelineOptions)
Result = TypeVar("Result")

RunPipeline = Callable[..., tuple[Tensor, ...]]
"""`run(pipeline, **arguments)` calls a pipeline with the arguments, and with those of every pipeline that are missing.

It reports the steps and returns the latents that the pipeline returns.
"""


@dataclass(frozen=True, slots=True)
class Latents:
    """What a run has denoised: the video, and the sound if the request asks for it."""

    video: Tensor
    audio: Tensor | None = None


class DiffusionPipelineEngine(Engine, Generic[Options]):
    """Runs a pipeline of diffusers. A subclass says which, and how a request becomes its arguments.

    A stage of a run (denoising, decoding) that runs out of memory is repeated at the next leaner memory level, and the
    next run starts at the configured level again. Steps of a repeated stage are counted from 1 again.
    """

    options_class: ClassVar[type[PipelineOptions]]

    def __init__(self, source: str | None, device: str, options: Mapping[str, Any] | None = None) -> None:
        """options: those of `options_class`. Raises OptionInvalid."""
        super().__init__(source, device)
        self.options: Options = self.options_class.parse(options or {})  # type: ignore[assignment]
        self._pipeline: Any = None

    @property
    def pipeline(self) -> Any:
        """The loaded pipeline."""
        if self._pipeline is None:
            raise RuntimeError("The engine is not loaded. Call load() before generate().")
        return self._pipeline

    def load(self) -> None:
        folder = self.find_weights(self.options.weights_selection())
        with translate_device_errors(self.device):
            pipeline = self.prepare(load_pipeline(folder, self.dtypes(), self.options), folder)
            self._memory = PipelineMemory(pipeline, self.device, memory_levels(self.options))
            self._loras = PipelineLoras(pipeline, self.options.loras)
            self._preview = LatentPreview(self._decode_preview)
            self._memory.apply()
        self._pipeline = pipeline

    def generate(
        self,
        request: GenerationRequest,
        inputs: GenerationInputs,
        on_step: OnStep,
        on_preview: OnPreview = no_preview,
    ) -> GeneratedVideo:
        self.check_request(request, inputs)
        self._loras.check(request.loras)
        self._memory.reset()
        with translate_device_errors(self.device), self._run():
            if not self._loras.is_active(request.loras):
                self._memory.release()
                self._loras.activate(request.loras)
            latents = self._retry_with_less_memory(lambda: self._denoise(request, inputs, on_step, on_preview))
            audio = self._retry_with_less_memory(lambda: self._decode_audio(latents.audio))
            pixels = self._retry_with_less_memory(lambda: self._decode(latents.video, request, on_step))
        return GeneratedVideo(self._frames(pixels), audio)

    @contextmanager
    def _run(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.end_run()

    def end_run(self) -> None:
        """Free what a run used, also after it has failed or was stopped."""
        self._memory.end_run()

    def dtypes(self) -> dict[str, torch.dtype]:
        """Return the precision of the networks by name, and of the others as `default`."""
        name = self.options.dtype
        if name == "auto":
            name = "bfloat16" if self.device.startswith("cuda") else "float32"
        return {"default": getattr(torch, name)}

    @abstractmethod
    def prepare(self, pipeline: Any, folder: Path) -> Any:
        """Apply options to the pipeline that was loaded of a folder, and return the one that holds all components."""

    @abstractmethod
    def check_request(self, request: GenerationRequest, inputs: GenerationInputs) -> None:
        """Raise RequestError for what the pipeline would refuse, or ignore, or round."""

    def count_steps(self, request: GenerationRequest) -> int:
        """Return how many steps a run makes before it decodes."""
        return request.steps

    @abstractmethod
    def pipeline_for(self, inputs: GenerationInputs) -> Any:
        """Return the pipeline that takes these inputs. All of them share their components."""

    @abstractmethod
    def blocks(self) -> list[nn.Module]:
        """Return the blocks of the networks that denoise: after each of them, the run can be stopped."""

    @abstractmethod
    def arguments(self, request: GenerationRequest, inputs: GenerationInputs) -> dict[str, Any]:
        """Return the arguments of the pipeline beside those of every pipeline."""

    def denoise(self, request: GenerationRequest, inputs: GenerationInputs, run: RunPipeline) -> Latents:
        """Return the final latents. A model that needs more than one call of a pipeline overrides this."""
        return Latents(run(self.pipeline_for(inputs), **self.arguments(request, inputs))[0])

    @abstractmethod
    def decode(self, latents: Tensor) -> Tensor:
        """Decode latents of the pipeline to pixels, (videos, 3, frames, height, width) in -1..1."""

    def decode_audio(self, latents: Tensor) -> Audio:
        """Decode latents of sound, for a model whose `denoise` returns some."""
        raise NotImplementedError

    def preview_latents(self, pipeline: Any, latents: Tensor, arguments: Mapping[str, Any]) -> Tensor:
        """Return latents that `decode_preview` can decode, (videos, channels, frames, height, width).

        latents: those that the pipeline passes to its callback. arguments: those that the pipeline was called with.
        """
        return predicted_original(pipeline.scheduler, latents)

    def decode_preview(self, latents: Tensor) -> Tensor:
        """Decode latents of a step to pixels as `decode` does. Their values are about -1..1."""
        return self.decode(latents)

    def _denoise(
        self, request: GenerationRequest, inputs: GenerationInputs, on_step: OnStep, on_preview: OnPreview
    ) -> Latents:
        """Return the final latents, in the memory of the host."""
        total, done = self.count_steps(request) + 1, 0
        common = {
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt,
            "width": request.width,
            "height": request.height,
            "num_frames": request.num_frames,
            "num_inference_steps": request.steps,
            "guidance_scale": request.guidance_scale,
            "generator": torch.Generator("cpu").manual_seed(request.seed),
            "output_type": "latent",
            "return_dict": False,
        }

        def run(pipeline: Any, **arguments: Any) -> tuple[Tensor, ...]:
            arguments = common | arguments

            def on_step_end(_pipeline: Any, _step: int, _time: Tensor, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
                nonlocal done
                done += 1
                self._synchronize()
                on_step(done, total)
                on_preview(lambda: self._preview.render(self.preview_latents(pipeline, tensors["latents"], arguments)))
                return {}

            return tuple(pipeline(**arguments, callback_on_step_end=on_step_end))

        with _calling_after(self.blocks(), lambda: on_step(done, total)):
            latents = self.denoise(request, inputs, run)
        for tensor in (latents.video, latents.audio):
            if tensor is not None:
                check_finite(tensor)
        return Latents(latents.video.cpu(), None if latents.audio is None else latents.audio.cpu())

    @torch.no_grad()
    def _decode_audio(self, latents: Tensor | None) -> Audio | None:
        return None if latents is None else self.decode_audio(latents)

    def _decode(self, latents: Tensor, request: GenerationRequest, on_step: OnStep) -> Tensor:
        """Decode the pixels, (frames, 3, height, width) in -1..1, which is the last step."""
        steps = self.count_steps(request)
        total = steps + 1
        with _calling_after([self.pipeline.vae.decoder], lambda: on_step(steps, total)):
            pixels = self._decode_latents(latents)[0].transpose(0, 1)
        on_step(total, total)
        return pixels

    def _frames(self, pixels: Tensor) -> Iterator[Frames]:
        with translate_device_errors(self.device):
            yield from frames_of(pixels)

    @torch.no_grad()
    def _decode_latents(self, latents: Tensor) -> Tensor:
        return self.decode(latents)

    @torch.no_grad()
    def _decode_preview(self, latents: Tensor) -> Tensor:
        return self.decode_preview(latents)

    def _synchronize(self) -> None:
        """Wait until CUDA, which runs asynchronously, has finished the step, so that it is not reported too early."""
        if self.device.startswith("cuda"):
            torch.cuda.synchronize(self.device)

    def _retry_with_less_memory(self, stage: Callable[[], Result]) -> Result:
        while True:
            try:
                with translate_device_errors(self.device):
                    self._memory.apply()
                    return stage()
            except OutOfMemory:
                self.end_run()
                if not self._memory.use_less():
                    raise


@contextmanager
def _calling_after(modules: list[nn.Module], callback: Callable[[], None]) -> Iterator[None]:
    """Call back whenever one of the modules has run: an exception of the callback stops the run there."""
    hooks = [module.register_forward_hook(lambda *_: callback()) for module in modules]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def predicted_original(scheduler: Any, latents: Tensor) -> Tensor:
    """Return the latents without noise as predicted at this step, if the scheduler keeps them, else the noisy ones."""
    outputs = getattr(scheduler, "model_outputs", None)
    if outputs and getattr(scheduler.config, "predict_x0", False):
        prediction: Tensor = outputs[-1]
        return prediction
    return latents
