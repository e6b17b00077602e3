"""Load the networks of a checkpoint onto a device."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_i2vgen_xl import I2VGenXLUNet
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer, CLIPVisionModelWithProjection
from transformers.utils.logging import disable_progress_bar

from inference.engines.i2vgenxl.checkpoint import Checkpoint, weights_file
from inference.engines.i2vgenxl.denoiser import Denoiser
from inference.engines.i2vgenxl.image_conditioning import ClipInput
from inference.errors import ModelIncomplete


@dataclass(frozen=True, slots=True)
class Components:
    """The networks, in evaluation mode, on one device and in one precision, with tokenizer and configuration."""

    tokenizer: Any
    text_encoder: Any
    image_encoder: Any
    clip_input: ClipInput
    vae: Any
    unet: Any
    denoiser: Denoiser
    scheduler_config: dict[str, Any]


def load_components(checkpoint: Checkpoint, device: str, dtype: torch.dtype) -> Components:
    """Load all networks. Raises ModelIncomplete, which names the file, if one of them is broken."""

    quiet: Callable[[], None] = disable_progress_bar
    quiet()  # transformers shows a progress bar for each network, which overwrites the output of the caller

    def network(component: str, build: Callable[..., Any], **options: Any) -> Any:
        variant = checkpoint.variants[component]
        with _loading(weights_file(component, variant)):
            model = build(checkpoint.folder / component, variant=variant, use_safetensors=True, **options)
        return _prepare_for_inference(model.to(device))

    with _loading("tokenizer/vocab.json"):
        tokenizer = CLIPTokenizer.from_pretrained(checkpoint.folder / "tokenizer")
    # low_cpu_mem_usage needs accelerate, which is not a dependency.
    unet = network("unet", I2VGenXLUNet.from_pretrained, torch_dtype=dtype, low_cpu_mem_usage=False)
    vae = network("vae", AutoencoderKL.from_pretrained, torch_dtype=dtype, low_cpu_mem_usage=False)
    return Components(
        tokenizer=tokenizer,
        text_encoder=network("text_encoder", CLIPTextModel.from_pretrained, dtype=dtype),
        image_encoder=network("image_encoder", CLIPVisionModelWithProjection.from_pretrained, dtype=dtype),
        clip_input=_clip_input(checkpoint),
        vae=vae,
        unet=unet,
        denoiser=Denoiser(unet),
        scheduler_config=checkpoint.read_json("scheduler/scheduler_config.json"),
    )


def _prepare_for_inference(model: nn.Module) -> nn.Module:
    """Set evaluation mode and store 2D convolutions channels-last; the UNet also has five-dimensional weights."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
    return model.eval().requires_grad_(requires_grad=False)


def make_scheduler(config: dict[str, Any], steps: int) -> Any:
    """Create a scheduler for one run, since it has state. It stays on the CPU: its arithmetic is on scalars."""
    build: Any = DDIMScheduler.from_config
    scheduler = build(config)
    scheduler.set_timesteps(steps)
    return scheduler


def _clip_input(checkpoint: Checkpoint) -> ClipInput:
    file = "feature_extractor/preprocessor_config.json"
    config = checkpoint.read_json(file)
    try:
        size = config["crop_size"]
        width, height = (size["width"], size["height"]) if isinstance(size, dict) else (size, size)
        return ClipInput(width, height, tuple(config["image_mean"]), tuple(config["image_std"]))
    except KeyError as error:
        raise ModelIncomplete(
            file, "%(file)s of the checkpoint has no key %(key)s.", {"file": file, "key": str(error)}
        ) from error


class _loading:  # noqa: N801 - reads as a statement
    """Translate exceptions of a loader to ModelIncomplete for `file`."""

    def __init__(self, file: str) -> None:
        self.file = file

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, torch.OutOfMemoryError):
            raise ModelIncomplete(
                self.file,
                "%(file)s of the checkpoint cannot be loaded: %(reason)s",
                {"file": self.file, "reason": str(error)},
            ) from error
