"""The JSON Schema (2020-12) of a request for a model: its fields with their types, ranges and defaults, no other.

Rules that JSON Schema cannot say have names: `x-grid` (a number is a multiple of `step` from its minimum), `x-size`
(multiples of both sides, and the number of pixels) and `x-frames` (seconds x fps, rounded, is in this range; without
`fps`, a video that would be too long gets the highest rate at which it is not). Null is the same as a missing field,
and not described.
"""

from collections.abc import Container
from typing import Any

from inference import limits
from inference.models.descriptor import ModelDescriptor
from inference.models.ranges import FloatRange, IntegerRange
from inference.models.sizes import ASPECT_RATIOS, AUTO_ASPECT_RATIO

Schema = dict[str, Any]

_MAX_LISTED_VALUES = 200
_EXCLUSIVE_FIELDS = (
    ("size", "resolution"),
    ("size", "aspect_ratio"),
    ("seconds", "num_frames"),
    ("steps", "num_inference_steps"),
)
ANY_TEXT = r"^[^\u0000]*$"
NOT_BLANK = r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085][^\u0000]*$"
"""Text that is not blank without the whitespace around it, and that PostgreSQL can store."""
METADATA: Schema = {
    "type": "object",
    "maxProperties": 16,
    "propertyNames": {"minLength": 1, "maxLength": 64, "pattern": ANY_TEXT},
    "additionalProperties": {"type": "string", "maxLength": 500, "pattern": ANY_TEXT},
}
SECONDS = r"^[0-9]{1,9}(\.[0-9]{1,20})?$"
_IMAGE_FIELDS = ("image_base64", "image_url", "image_video")
_LAST_IMAGE_FIELDS = ("last_image_base64", "last_image_url", "last_image_video")
_FRAME = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"title": "Id of the video", "type": "string"},
        "at": {
            "title": "Frame",
            "description": "first, last, or a time in seconds",
            "anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}],
            "default": "last",
        },
    },
    "additionalProperties": False,
}
OUTPUT_FORMATS = ("mp4", "gif")
PRIORITIES = ("low", "normal", "high")


def input_schema(model: ModelDescriptor, *, url: Schema, takes_image_urls: bool) -> Schema:
    """Return the schema of a JSON body that asks this model for a video.

    url: the schema of a URL. takes_image_urls: whether the site fetches images.
    """
    properties = input_properties(model)
    properties["webhook_url"] = {"title": "Webhook URL", **url}
    titles = {"image": "URL of the image", "last_image": "URL of the last image"}
    for name, title in titles.items():
        if takes_image_urls and f"{name}_base64" in properties:
            properties[f"{name}_url"] = {"title": title, **url}
    conditions: list[Schema] = [
        {"not": {"required": [*names]}} for names in _EXCLUSIVE_FIELDS if {*names} <= {*properties}
    ]
    conditions += _image_conditions(model, properties)
    if "audio" in properties:
        of_gif = {"audio": {"const": True}, "output_format": {"const": "gif"}}
        conditions.append({"not": {"required": [*of_gif], "properties": of_gif}})
    # Each LoRA once, with any scale.
    conditions += [
        {
            "properties": {
                "loras": {"contains": {"properties": {"name": {"const": name}}}, "minContains": 0, "maxContains": 1}
            }
        }
        for name in model.lora_names
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": model.title,
        "type": "object",
        "required": ["prompt"],
        "properties": properties,
        "allOf": conditions,
        "additionalProperties": False,
    }


def _image_conditions(model: ModelDescriptor, properties: Container[str]) -> list[Schema]:
    """Return what says which of the images a request has to have; never more than one in the place of each."""
    first, last = (
        [{"required": [name]} for name in names if name in properties] for names in (_IMAGE_FIELDS, _LAST_IMAGE_FIELDS)
    )
    conditions: list[Schema] = []
    for need, fields in ((model.inputs.image, first), (model.inputs.last_image, last)):
        if need == "required":
            conditions.append({"oneOf": fields})
        elif need == "optional":
            conditions.append({"oneOf": [*fields, {"not": {"anyOf": fields}}]})
    if model.inputs.image == "optional" and model.inputs.last_image != "none":
        conditions.append({"if": {"anyOf": last}, "then": {"anyOf": first}})
    return conditions


def input_properties(model: ModelDescriptor) -> dict[str, Schema]:
    """Return the schema of each field that has an effect on this model, without URLs."""
    properties: dict[str, Schema] = {
        "model": {"title": "Model", "const": model.name},
        "prompt": {
            "title": "Prompt",
            "type": "string",
            "minLength": 1,
            "maxLength": model.prompt.max_length,
            "pattern": NOT_BLANK,
        },
    }
    image = {"type": "string", "minLength": 1, "contentEncoding": "base64"}
    if model.inputs.image != "none":
        properties["image_base64"] = {"title": "Image", **image}
        properties["image_video"] = {"title": "Frame of a video", **_FRAME}
    if model.inputs.last_image != "none":
        properties["last_image_base64"] = {"title": "Last image", **image}
        properties["last_image_video"] = {"title": "Frame of a video as the last image", **_FRAME}
    if model.inputs.negative_prompt != "none":
        properties["negative_prompt"] = {
            "title": "Negative prompt",
            "type": "string",
            "maxLength": model.prompt.max_length,
            "pattern": ANY_TEXT,
            "default": "",
        }
    default = model.default
    properties |= {
        "preset": {"title": "Preset", "enum": [*model.presets]},
        "resolution": {
            "title": "Resolution",
            "enum": [*model.sizes.resolutions],
            "default": default.resolution,
        },
        "aspect_ratio": {
            "title": "Aspect ratio",
            "enum": [AUTO_ASPECT_RATIO, *ASPECT_RATIOS],
            "default": AUTO_ASPECT_RATIO,
        },
        "size": {
            "title": "Size",
            "type": "string",
            "pattern": "^[1-9][0-9]{1,3}[xX][1-9][0-9]{1,3}$",
            "x-size": {
                "multiple": model.sizes.multiple,
                "minimum_side": model.sizes.minimum_side,
                "maximum_side": limits.FRAME_SIDE.maximum,
                "max_pixels": model.sizes.max_pixels,
            },
        },
        "num_frames": _number("Frames", model.num_frames, default.num_frames),
        "fps": _number("Frames per second", model.fps, default.fps),
        "seconds": {
            "title": "Seconds",
            "type": ["string", "number"],
            "pattern": SECONDS,
            "description": "instead of num_frames: the nearest number of frames",
            "x-frames": {"minimum": model.num_frames.minimum, "maximum": model.num_frames.maximum},
        },
    }
    if model.steps is not None:
        properties["steps"] = _number("Steps", model.steps, default.steps)
        properties["num_inference_steps"] = {**properties["steps"], "description": "an alias of steps"}
    if model.guidance_scale is not None:
        properties["guidance_scale"] = _number("Guidance scale", model.guidance_scale, default.guidance_scale)
    if model.lora_names:
        scale = {"type": "number", "minimum": -limits.MAX_LORA_SCALE, "maximum": limits.MAX_LORA_SCALE, "default": 1.0}
        properties["loras"] = {
            "title": "LoRAs",
            "type": "array",
            "maxItems": limits.MAX_LORAS,
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"enum": [*model.lora_names]}, "scale": scale},
                "additionalProperties": False,
            },
        }
    if model.inputs.audio != "none":
        properties["audio"] = {"title": "Sound", "type": "boolean", "default": False}
    return properties | {
        "seed": {"title": "Seed", "type": "integer", "minimum": 0, "maximum": limits.SEED.maximum},
        "output_format": {"title": "Format", "enum": [*OUTPUT_FORMATS], "default": OUTPUT_FORMATS[0]},
        "priority": {"title": "Priority", "enum": [*PRIORITIES], "default": default.priority},
        "metadata": {"title": "Metadata", **METADATA},
        "user": {"title": "User", "type": "string", "maxLength": 500, "pattern": ANY_TEXT, "description": "ignored"},
    }


def _number(title: str, allowed: IntegerRange | FloatRange, default: float | None) -> Schema:
    schema: Schema = {
        "title": title,
        "type": "integer" if isinstance(allowed, IntegerRange) else "number",
        "minimum": allowed.minimum,
        "maximum": allowed.maximum,
        "default": allowed.default if default is None else default,
    }
    if isinstance(allowed, IntegerRange) and allowed.step > 1:
        values = range(allowed.minimum, allowed.maximum + 1, allowed.step)
        if len(values) <= _MAX_LISTED_VALUES:
            schema["enum"] = [*values]
        else:
            schema["x-grid"] = {"step": allowed.step}
    return schema
