"""The descriptor of a model: its inputs, ranges, sizes, presets, price, memory, weights and licence."""

import math
from datetime import date
from importlib import import_module
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from inference import limits
from inference.engines.registry import ENGINES, OPTIONS
from inference.errors import OptionInvalid
from inference.models.costs import VRAM_SLACK_MB, CostModel, MeasuredMemory
from inference.models.presets import Preset
from inference.models.ranges import FloatRange, IntegerRange
from inference.models.sizes import Sizes
from inference.models.table import Table
from inference.prompt_tokens import Tokenizer

Need = Literal["required", "optional", "none"]
"""Whether a request has to have an input, may have it, or must not have it."""
Pool = Literal["cpu", "gpu"]

MAX_LICENSE_NAME_LENGTH = 200
MAX_LICENSE_URL_LENGTH = 500
MODEL_NAME = r"[a-z0-9][a-z0-9._-]{0,59}"
PRESET_NAME = r"^[a-z0-9][a-z0-9._-]{0,39}$"


class License(Table):
    """The licence of the weights. requires_acceptance: nobody may use the model until an administrator accepts it."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_LICENSE_NAME_LENGTH)]
    url: Annotated[str, Field(pattern=r"^(https?://\S+)?$", max_length=MAX_LICENSE_URL_LENGTH)] = ""
    requires_acceptance: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.requires_acceptance and not self.url:
            raise ValueError("requires_acceptance needs the url of the licence")
        return self


class Inputs(Table):
    """What a request contains beside the prompt and the numbers.

    last_image: only together with an image. audio: whether it may ask for sound.
    """

    image: Need = "required"
    last_image: Need = "none"
    negative_prompt: Literal["optional", "none"] = "none"
    audio: Literal["optional", "none"] = "none"


class PromptRules(Table):
    """max_length: code points. max_tokens: tokens of the prompt that have an effect, or None without a limit.

    tokenizer: how tokens are estimated on the site, see `inference.prompt_tokens`. keywords: what the prompt must
    contain to have an effect, see `inference.prompt_keywords`.
    """

    max_length: Annotated[int, Field(ge=1, le=limits.MAX_PROMPT_LENGTH)] = 1000
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    tokenizer: Tokenizer | None = None
    keywords: Literal["camera"] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.max_tokens is None) != (self.tokenizer is None):
            raise ValueError("max_tokens and tokenizer need each other")
        return self


class ModelDescriptor(Table):
    """Everything that depends on a model.

    engine: a name in ENGINES; engine_options: what this engine takes beside the weights. weights: a hub repository,
    `s3://bucket/prefix` or a folder, or None if there are none. revision: commit, tag or branch of the repository.
    pool: which workers run its jobs. steps, guidance_scale: None if the model has
    none. memory: None if it needs no GPU. test_only: hidden from users.
    """

    name: Annotated[str, Field(pattern=f"^{MODEL_NAME}$")]
    title: Annotated[str, Field(min_length=1, max_length=60)]
    description: str
    owner: str
    created: date
    engine: str
    engine_options: dict[str, Any] = {}
    pool: Pool
    weights: str | None = None
    revision: Annotated[str, Field(pattern=r"^[\w.-]+(/[\w.-]+)*$", max_length=100)] | None = None
    license: License
    inputs: Inputs = Inputs()
    prompt: PromptRules = PromptRules()
    num_frames: IntegerRange
    fps: IntegerRange
    steps: IntegerRange | None = None
    guidance_scale: FloatRange | None = None
    sizes: Sizes
    presets: Annotated[dict[Annotated[str, Field(pattern=PRESET_NAME)], Preset], Field(min_length=1)]
    default_preset: str
    cost: CostModel
    memory: MeasuredMemory | None = None
    test_only: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.inputs.image == "none" and self.inputs.last_image != "none":
            raise ValueError('inputs.last_image must be "none": the model takes no image')
        if self.engine not in ENGINES:
            raise ValueError(f"engine is {self.engine!r}, which is none of {', '.join(ENGINES)}")
        self._check_options()
        if self.guidance_scale and self.guidance_scale.maximum > limits.MAX_GUIDANCE_SCALE:
            raise ValueError(f"guidance_scale.maximum must be at most {limits.MAX_GUIDANCE_SCALE:g}")
        if self.num_frames.maximum > limits.MAX_FRAMES:
            raise ValueError(f"num_frames.maximum must be at most {limits.MAX_FRAMES}")
        if self.fps.maximum > limits.MAX_FPS:
            raise ValueError(f"fps.maximum must be at most {limits.MAX_FPS}")
        if self.steps and self.steps.maximum > limits.MAX_STEPS:
            raise ValueError(f"steps.maximum must be at most {limits.MAX_STEPS}")
        if self.default_preset not in self.presets:
            raise ValueError(f"default_preset is {self.default_preset!r}, which is none of {', '.join(self.presets)}")
        for name, preset in self.presets.items():
            self._check_preset(name, preset)
            self.presets[name] = self._complete(preset)
        return self

    def _complete(self, preset: Preset) -> Preset:
        """Return the preset with the model's defaults for what it does not set."""
        ranges = {"steps": self.steps, "guidance_scale": self.guidance_scale}
        missing = {name for name in ranges if getattr(preset, name) is None}
        return preset.model_copy(
            update={name: allowed.default for name, allowed in ranges.items() if name in missing and allowed}
        )

    def _check_options(self) -> None:
        options = OPTIONS.get(self.engine)
        if options is None:
            if self.engine_options:
                raise ValueError(f"engine_options.{next(iter(self.engine_options))}: {self.engine} has no options")
            return
        module, _, name = options.partition(":")
        try:
            getattr(import_module(module), name).parse(self.engine_options)
        except OptionInvalid as error:
            raise ValueError(f"engine_options: {error.message}") from error

    def _check_preset(self, name: str, preset: Preset) -> None:
        if preset.resolution not in self.sizes.resolutions:
            known = ", ".join(self.sizes.resolutions)
            raise ValueError(f"presets.{name}.resolution is {preset.resolution!r}, which is none of {known}")
        for lora in preset.loras:
            if lora.name not in self.lora_names:
                known = ", ".join(self.lora_names) or "no LoRA"
                raise ValueError(f"presets.{name}.loras has {lora.name!r}, but engine_options.loras has {known}")
        numbers: tuple[tuple[str, Any, Any], ...] = (
            ("num_frames", preset.num_frames, self.num_frames),
            ("fps", preset.fps, self.fps),
            ("steps", preset.steps, self.steps),
            ("guidance_scale", preset.guidance_scale, self.guidance_scale),
        )
        for field, value, allowed in numbers:
            if value is None:
                continue
            if allowed is None:
                raise ValueError(f"presets.{name}.{field}: the model has none")
            if value not in allowed:
                raise ValueError(f"presets.{name}.{field} is {value}, which is not in {allowed}")

    @property
    def source(self) -> str | None:
        """Where the weights come from, with the revision, in the notation of `inference.weights`."""
        return f"{self.weights}@{self.revision}" if self.weights and self.revision else self.weights

    @property
    def default(self) -> Preset:
        """The preset of a request without one."""
        return self.presets[self.default_preset]

    @property
    def needs_gpu(self) -> bool:
        return self.memory is not None

    @property
    def lora_names(self) -> tuple[str, ...]:
        """The LoRAs that a request can name."""
        return tuple(self.engine_options.get("loras", ()))

    @property
    def parameters(self) -> frozenset[str]:
        """The fields of a request that have an effect, of those that not all models have."""
        optional = {"steps": self.steps, "guidance_scale": self.guidance_scale}
        return frozenset(
            {name for name, allowed in optional.items() if allowed is not None}
            | ({"negative_prompt"} if self.inputs.negative_prompt == "optional" else set())
            | ({"loras"} if self.lora_names else set())
            | ({"audio"} if self.inputs.audio == "optional" else set())
        )

    def quote_seconds(
        self, width: int, height: int, num_frames: int, steps: int | None, guidance_scale: float | None
    ) -> float:
        """Return the predicted seconds on the reference device (an RTX 4090 for the gpu pool), without loading."""
        return self.cost.seconds(width, height, num_frames, steps, guidance_scale)

    def vram_mb(self, width: int, height: int, num_frames: int) -> int:
        """Return the device memory in MiB that a video needs: the predicted peak plus slack; 0 without a GPU."""
        if self.memory is None:
            return 0
        return math.ceil(self.memory.peak_mb(width, height, num_frames)) + VRAM_SLACK_MB
