"""How the servers that speak `/v1/videos` differ: names of fields, states, how a video is canceled."""

from collections.abc import Mapping
from typing import Any

from inference.engines.upstream.client import valid_seconds
from inference.engines.upstream.options import ServerKind
from inference.errors import UpstreamFailed
from inference.generation import GenerationRequest

COMPLETED = {"completed", "succeeded", "success"}
FAILED = {"failed", "error", "canceled", "cancelled", "expired"}
QUEUED = {"queued", "pending", "waiting", "submitted", "created", "accepted"}
"""Every other word means that the server works on the video."""


def server_kind_of(models: Any, server_info: Any) -> ServerKind:
    """Return which server it is by what it has at `/v1/models` and at `/models`: JSON, or None for nothing."""
    entries = models.get("data") if isinstance(models, dict) else None
    if isinstance(entries, list) and any(isinstance(entry, dict) and "input_schema" in entry for entry in entries):
        return ServerKind.MUTOSCOPE
    return ServerKind.VLLM_OMNI if server_info is None else ServerKind.SGLANG


def image_field(server: ServerKind, name: str) -> str:
    """Return the server's name of the file that Mutoscope calls `image` or `last_image`. Raises UpstreamFailed."""
    if server == ServerKind.MUTOSCOPE:
        return name
    if name != "image":
        raise UpstreamFailed("The upstream server takes no last image.")
    return "input_reference"


def submit_fields(
    server: ServerKind, request: GenerationRequest, *, model: str | None, parameters: frozenset[str]
) -> dict[str, str]:
    """Return the text fields of a submit. All servers take them as a form, vLLM-Omni nothing else.

    The length is sent as `num_frames`: `seconds`, which is an integer there, could only round it.
    """
    fields: dict[str, Any] = {
        "prompt": request.prompt,
        "size": f"{request.width}x{request.height}",
        "num_frames": request.num_frames,
        "fps": request.fps,
        "seed": request.seed,
    }
    # vLLM-Omni has one model and no such field.
    if model is not None and server != ServerKind.VLLM_OMNI:
        fields["model"] = model
    if "negative_prompt" in parameters and request.negative_prompt:
        fields["negative_prompt"] = request.negative_prompt
    if "guidance_scale" in parameters:
        fields["guidance_scale"] = request.guidance_scale
    if "steps" in parameters:
        fields["num_inference_steps"] = request.steps
    if "audio" in parameters and server == ServerKind.MUTOSCOPE:  # with others, the model decides
        fields["audio"] = "true" if request.audio else "false"
    return {name: str(value) for name, value in fields.items()}


def reported_seconds(video: Mapping[str, Any]) -> float | None:
    """Return how long the server worked on the video, if it reports that: SGLang or Mutoscope."""
    usage = video.get("usage")
    seconds = video.get("inference_time_s") or (usage.get("gpu_seconds") if isinstance(usage, dict) else None)
    return valid_seconds(seconds)


def cancel_request(server: ServerKind) -> tuple[str, str]:
    """Return the method that cancels a video, and what follows the path of the video."""
    return ("POST", "/cancel") if server == ServerKind.MUTOSCOPE else ("DELETE", "")
