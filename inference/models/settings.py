"""The settings of a video: the fields of a request, checked against the descriptor of the model, with its defaults."""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from inference.errors import RequestError
from inference.generation import LoraWeight
from inference.models.descriptor import ModelDescriptor
from inference.models.presets import Preset
from inference.models.ranges import FloatRange, IntegerRange
from inference.models.sizes import AUTO_ASPECT_RATIO

ALIASES = {"num_inference_steps": "steps"}
"""Fields that have another name, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSettings:
    """The numbers of a video, its LoRAs and its sound. steps, guidance_scale: None if the model has none."""

    preset: str
    resolution: str
    width: int
    height: int
    num_frames: int
    fps: int
    steps: int | None
    guidance_scale: float | None
    loras: tuple[LoraWeight, ...]
    audio: bool


class InvalidSettings(Exception):
    """Fields that the model does not take as they are; one error for each."""

    def __init__(self, errors: list[RequestError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = errors


def resolve_settings(
    model: ModelDescriptor,
    values: Mapping[str, Any],
    image_size: tuple[int, int] | None,
    *,
    others: Collection[ModelDescriptor] = (),
) -> VideoSettings:
    """Return the settings of a request: its fields, then those of its preset, then the model's defaults.

    values: fields of the right types. image_size: width and height of the image, None if there is none. others: models
    that errors may recommend. Raises InvalidSettings.
    """
    sent_names = {ALIASES.get(name, name): name for name, value in values.items() if value is not None}
    values = {name: values[sent] for name, sent in sent_names.items()}
    errors = [
        *_unsupported_fields(model, values, others),
        *_invalid_numbers(model, values),
        *_unknown_loras(model, values.get("loras", ())),
        *_impossible_audio(values),
    ]
    preset = model.default
    if (name := values.get("preset", "")) and name not in model.presets:
        errors.append(_unknown_preset(model, name))
    elif name:
        preset = model.presets[name]
    resolution, width, height = "", 0, 0
    try:
        resolution, width, height = _size(model, values, preset, image_size)
    except RequestError as error:
        errors.append(error)
    fps, num_frames = _timing(model, values, preset, errors)
    if errors:
        for found in errors:
            found.field = sent_names.get(found.field, found.field)
        raise InvalidSettings(errors)
    return VideoSettings(
        preset=name,
        resolution=resolution,
        width=width,
        height=height,
        num_frames=num_frames,
        fps=fps,
        steps=_number(model.steps, values.get("steps"), preset.steps),
        guidance_scale=_number(model.guidance_scale, values.get("guidance_scale"), preset.guidance_scale),
        loras=_loras(values["loras"]) if "loras" in values else preset.lora_weights,
        audio=bool(values.get("audio")),
    )


def accepted_settings(model: ModelDescriptor, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values without those that the model does not take, for settings that another model had."""
    errors = (
        *_unsupported_fields(model, values, ()),
        *_invalid_numbers(model, values),
        *_unknown_loras(model, values.get("loras", ())),
    )
    refused = {error.field for error in errors}
    try:
        if "size" in values:
            model.sizes.parse(values["size"])
    except RequestError:
        refused.add("size")
    return {name: value for name, value in values.items() if name == "prompt" or name not in refused}


def _unsupported_fields(
    model: ModelDescriptor, values: Mapping[str, Any], others: Collection[ModelDescriptor]
) -> Iterator[RequestError]:
    """Yield an error for each field that has no effect on this model."""
    for field in ("steps", "guidance_scale", "negative_prompt", "loras", "audio"):
        if field not in model.parameters and not _asks_for_nothing(values.get(field)):
            params = {"model": model.name, "field": field}
            if names := [other.name for other in others if field in other.parameters]:
                yield RequestError(
                    field,
                    "%(model)s has no %(field)s. Remove it, or choose a model that has it: %(models)s.",
                    {**params, "models": ", ".join(names)},
                    kind="not_supported",
                )
            else:
                yield RequestError(field, "%(model)s has no %(field)s. Remove it.", params, kind="not_supported")
    for field in ("prompt", "negative_prompt"):
        if (length := len(values.get(field) or "")) > model.prompt.max_length:
            yield RequestError(
                field,
                "The text has %(length)s characters. Shorten it by %(excess)s.",
                {"length": length, "excess": length - model.prompt.max_length},
                kind="max_length",
            )


def _asks_for_nothing(value: Any) -> bool:
    return value in (None, "", []) or value is False


def _impossible_audio(values: Mapping[str, Any]) -> Iterator[RequestError]:
    if values.get("audio") and values.get("output_format") == "gif":
        yield RequestError("audio", "A GIF has no sound. Choose mp4, or leave audio out.", kind="conflict")


def _invalid_numbers(model: ModelDescriptor, values: Mapping[str, Any]) -> Iterator[RequestError]:
    ranges: dict[str, IntegerRange | FloatRange | None] = {
        "num_frames": model.num_frames,
        "fps": model.fps,
        "steps": model.steps,
        "guidance_scale": model.guidance_scale,
    }
    for field, allowed in ranges.items():
        value = values.get(field)
        if value is not None and allowed is not None and value not in allowed:
            yield _outside(model, field, value, allowed)


def _unknown_loras(model: ModelDescriptor, loras: Collection[Mapping[str, Any]]) -> Iterator[RequestError]:
    names = [str(lora["name"]) for lora in loras]
    if not model.lora_names:
        return  # an error of a field that has no effect
    twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
    if twice is not None:
        yield RequestError(
            "loras", "The LoRA %(name)s is named twice. Name each LoRA once.", {"name": twice}, kind="invalid"
        )
    for name in names:
        if name not in model.lora_names:
            yield RequestError(
                "loras",
                "%(model)s has no LoRA %(name)s. Choose one of: %(known)s.",
                {"model": model.name, "name": repr(name), "known": ", ".join(model.lora_names)},
                kind="invalid_choice",
            )
            return


def _loras(loras: Collection[Mapping[str, Any]]) -> tuple[LoraWeight, ...]:
    return tuple(LoraWeight(lora["name"], float(lora.get("scale", 1.0))) for lora in loras)


def _outside(model: ModelDescriptor, field: str, value: float, allowed: IntegerRange | FloatRange) -> RequestError:
    nearest = allowed.neighbors(value)  # type: ignore[arg-type] # integers for the range of integers
    kind = "min_value" if value < allowed.minimum else "max_value" if value > allowed.maximum else "off_grid"
    params: dict[str, Any] = {
        "model": model.name,
        "minimum": f"{allowed.minimum:g}",
        "maximum": f"{allowed.maximum:g}",
        "nearest": " or ".join(f"{each:g}" for each in nearest),
    }
    if isinstance(allowed, IntegerRange) and allowed.step > 1:
        return RequestError(
            field,
            "Choose a number from %(minimum)s to %(maximum)s in steps of %(step)s for %(model)s, such as %(nearest)s.",
            {**params, "step": allowed.step},
            kind=kind,
            nearest=nearest,
        )
    return RequestError(
        field,
        "Choose a number from %(minimum)s to %(maximum)s for %(model)s.",
        params,
        kind=kind,
        nearest=nearest,
    )


def _unknown_preset(model: ModelDescriptor, name: str) -> RequestError:
    return RequestError(
        "preset",
        "%(model)s has no preset %(preset)s. Choose one of: %(presets)s.",
        {"model": model.name, "preset": repr(name), "presets": ", ".join(model.presets)},
        kind="invalid_choice",
    )


def _size(
    model: ModelDescriptor, values: Mapping[str, Any], preset: Preset, image_size: tuple[int, int] | None
) -> tuple[str, int, int]:
    if "size" in values:
        width, height = model.sizes.parse(values["size"])
        return model.sizes.label(width, height), width, height
    resolution = values.get("resolution", preset.resolution)
    aspect_ratio = values.get("aspect_ratio", AUTO_ASPECT_RATIO)
    return resolution, *model.sizes.frame_size(resolution, aspect_ratio, image_size)


def _timing(
    model: ModelDescriptor, values: Mapping[str, Any], preset: Preset, errors: list[RequestError]
) -> tuple[int, int]:
    """Return frames per second and frames. Add an error for a length that the model cannot make."""
    default_fps = preset.fps or model.fps.default
    if "seconds" not in values:
        return values.get("fps", default_fps), values.get("num_frames", preset.num_frames)
    seconds = float(values["seconds"])
    # A rate outside the range has an error of its own.
    sent_fps = values["fps"] if values.get("fps", 0) in model.fps else None
    fps = sent_fps or _fps_for(model, seconds, default_fps)
    frames = round(seconds * fps)
    slowest, fastest = (fps, fps) if sent_fps else (model.fps.minimum, model.fps.maximum)
    shortest, longest = model.num_frames.minimum / fastest, model.num_frames.maximum / slowest
    # A video may be half a step of the grid longer than asked for, as every length of the grid is.
    if not model.num_frames.minimum <= frames <= model.num_frames.maximum:
        nearest = f"{shortest if frames < model.num_frames.minimum else longest:g}"
        errors.append(
            RequestError(
                "seconds",
                "%(seconds)s s at %(fps)s fps are %(frames)s frames, and %(model)s makes %(minimum)s to %(maximum)s. "
                "Choose %(nearest)s s, or another fps.",
                {
                    "seconds": f"{seconds:g}",
                    "fps": fps,
                    "frames": frames,
                    "model": model.name,
                    "minimum": model.num_frames.minimum,
                    "maximum": model.num_frames.maximum,
                    "nearest": nearest,
                },
                kind="min_value" if frames < model.num_frames.minimum else "max_value",
                nearest=(nearest,),
            )
        )
    return fps, model.num_frames.nearest(seconds * fps)


def _fps_for(model: ModelDescriptor, seconds: float, default: int) -> int:
    """Return the default frames per second, or fewer if the video would otherwise have too many frames."""
    if round(seconds * default) <= model.num_frames.maximum:
        return default
    fitting = math.floor(model.num_frames.maximum / seconds)
    return fitting if fitting in model.fps else default


def _number(allowed: IntegerRange | FloatRange | None, value: Any, preset: Any) -> Any:
    """Return the request's value, else the preset's, else the model's default; None if the model has none."""
    if allowed is None:
        return None
    return next((each for each in (value, preset) if each is not None), allowed.default)
