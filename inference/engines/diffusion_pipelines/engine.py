"""The engine that runs a pipeline of diffusers; models subclass it."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from inference.engines.base import Engine, GeneratedVideo, OnPreview, OnStep, no_preview
from inference.engines.device_errors import translate_device_errors
from inference.engines.diffusion_pipelines.checkpoint import load_pipeline
from inference.engines.diffusion_pipelines.loras import PipelineLoras
from inference.engines.diffusion_pipelines.memory import PipelineMemory, memory_levels
from inference.engines.diffusion_pipelines.options import PipelineOptions
from inference.engines.diffusion_pipelines.preview import LatentPreview
from inference.engines.pixels import frames_of
from inference.errors import OutOfMemory
from inference.frames_file import Frames
from inference.generation import GenerationInputs, GenerationRequest

Options = TypeVar("Options", bound=PipelineOptions)
Result = TypeVar("Result")


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
            pipeline = self.prepare(load_pipeline(folder, self.dtypes(), self.options))
            self._memory = PipelineMemory(pipeline, self.device, memory_levels(self.options))
            self._loras = PipelineLoras(pipeline, self.options.loras)
            self._preview = LatentPreview(self._decode_latents)
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
            pixels = self._retry_with_less_memory(lambda: self._decode(latents, request, on_step))
        return GeneratedVideo(self._frames(pixels))

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
    def prepare(self, pipeline: Any) -> Any:
        """Apply options to the loaded pipeline, and return the one that holds all its components."""

    @abstractmethod
    def check_request(self, request: GenerationRequest, inputs: GenerationInputs) -> None:
        """Raise RequestError for what the pipeline would refuse, or ignore, or round."""

    @abstractmethod
    def pipeline_for(self, inputs: GenerationInputs) -> Any:
        """Return the pipeline that takes these inputs. All of them share their components."""

    @abstractmethod
    def blocks(self) -> list[nn.Module]:
        """Return the blocks of the networks that denoise: after each of them, the run can be stopped."""

    @abstractmethod
    def arguments(self, request: GenerationRequest, inputs: GenerationInputs) -> dict[str, Any]:
        """Return the arguments of the pipeline beside those of every pipeline."""

    @abstractmethod
    def decode(self, latents: Tensor) -> Tensor:
        """Decode latents of the pipeline to pixels, (videos, 3, frames, height, width) in -1..1."""

    def _denoise(
        self, request: GenerationRequest, inputs: GenerationInputs, on_step: OnStep, on_preview: OnPreview
    ) -> Tensor:
        """Return the final latents, in the memory of the host."""
        pipeline = self.pipeline_for(inputs)

        total, done = request.steps + 1, 0

        def on_step_end(_pipeline: Any, step: int, _timestep: Tensor, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
            nonlocal done
            done = step + 1
            self._synchronize()
            on_step(done, total)
            on_preview(partial(self._preview.render, predicted_original(pipeline.scheduler, tensors["latents"])))
            return {}

        with _calling_after(self.blocks(), lambda: on_step(done, total)):
            latents: Tensor = pipeline(
                **self.arguments(request, inputs),
                prompt=request.prompt,
                negative_prompt=request.negative_prompt,
                width=request.width,
                height=request.height,
                num_frames=request.num_frames,
                num_inference_steps=request.steps,
                guidance_scale=request.guidance_scale,
                generator=torch.Generator("cpu").manual_seed(request.seed),
                callback_on_step_end=on_step_end,
                output_type="latent",
                return_dict=False,
            )[0]
        return latents.cpu()

    def _decode(self, latents: Tensor, request: GenerationRequest, on_step: OnStep) -> Tensor:
        """Decode the pixels, (frames, 3, height, width) in -1..1, which is the last step."""
        total = request.steps + 1
        with _calling_after([self.pipeline.vae.decoder], lambda: on_step(request.steps, total)):
            pixels = self._decode_latents(latents)[0].transpose(0, 1)
        on_step(total, total)
        return pixels

    def _frames(self, pixels: Tensor) -> Iterator[Frames]:
        with translate_device_errors(self.device):
            yield from frames_of(pixels)

    @torch.no_grad()
    def _decode_latents(self, latents: Tensor) -> Tensor:
        return self.decode(latents)

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
