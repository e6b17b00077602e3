"""Decide which parts of a pipeline are on the GPU, and use less of its memory when a video does not fit."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from accelerate import cpu_offload
from diffusers.hooks.hooks import HookRegistry

from inference.engines.diffusion_pipelines.options import Offload, PipelineOptions

# The names under which diffusers registers what `enable_group_offload` adds to a network and its layers.
_GROUP_OFFLOAD_HOOKS = ("group_offloading", "layer_execution_tracker", "lazy_prefetch_group_offloading")


@dataclass(frozen=True, slots=True)
class MemoryLevel:
    """A way to run a pipeline that needs a certain amount of GPU memory."""

    offload: Offload
    vae_slicing: bool
    vae_tiling: bool


def memory_levels(options: PipelineOptions) -> list[MemoryLevel]:
    """Return the level that the options describe, and those that need less memory, in this order."""
    configured = MemoryLevel(options.offload, options.vae_slicing, options.vae_tiling)
    tiled = replace(configured, vae_slicing=True, vae_tiling=True)
    offloads = [offload for offload in Offload if offload is not Offload.SEQUENTIAL or not options.gguf]
    leaner = [replace(tiled, offload=offload) for offload in offloads[offloads.index(options.offload) + 1 :]]
    return list(dict.fromkeys([configured, tiled, *leaner]))


class PipelineMemory:
    """The memory level of a loaded pipeline. Changing it reads nothing from the disk."""

    def __init__(self, pipeline: Any, device: str, levels: list[MemoryLevel]) -> None:
        self._pipeline, self._device, self._levels = pipeline, device, levels
        self._wanted = 0
        self._applied: MemoryLevel | None = None

    def reset(self) -> None:
        """Use the configured level from the next `apply` on."""
        self._wanted = 0

    def use_less(self) -> bool:
        """Use the next leaner level from the next `apply` on. Returns whether there is one."""
        self._wanted += 1
        return self._wanted < len(self._levels)

    def apply(self) -> None:
        """Put the networks where the wanted level has them."""
        level = self._levels[self._wanted]
        if self._applied == level:
            return
        self.release()
        for enabled, enable, disable in (
            (level.vae_slicing, self._pipeline.vae.enable_slicing, self._pipeline.vae.disable_slicing),
            (level.vae_tiling, self._pipeline.vae.enable_tiling, self._pipeline.vae.disable_tiling),
        ):
            (enable if enabled else disable)()
        match level.offload:
            case Offload.NONE:
                self._pipeline.to(self._device)
            case Offload.MODEL:
                self._pipeline.enable_model_cpu_offload(device=self._device)
            case Offload.GROUP:
                self._pipeline.enable_group_offload(
                    onload_device=torch.device(self._device),
                    offload_type="leaf_level",
                    use_stream=self._device.startswith("cuda"),
                    low_cpu_mem_usage=True,
                )
            case Offload.SEQUENTIAL:
                # Not by `enable_sequential_cpu_offload`, whose device `cpu:0` makes plain tensors of parameters.
                self._pipeline.to("cpu")
                for network in self.networks():
                    cpu_offload(network, torch.device(self._device), offload_buffers=bool(network._parameters))
        self._applied = level

    def release(self) -> None:
        """Undo what `apply` did to the networks, so that their layers can be changed."""
        self._applied = None
        self._pipeline.remove_all_hooks()
        for network in self.networks():
            for hook in _GROUP_OFFLOAD_HOOKS:
                HookRegistry.check_if_exists_or_initialize(network).remove_hook(hook)

    def end_run(self) -> None:
        """Move the networks of a run that is over, and maybe was stopped, back to the host if they wait there."""
        if self._applied is not None and self._applied.offload is Offload.MODEL:
            self._pipeline.maybe_free_model_hooks()

    def networks(self) -> list[torch.nn.Module]:
        """Return the networks of the pipeline."""
        return [part for part in self._pipeline.components.values() if isinstance(part, torch.nn.Module)]
