"""The price of the settings on the Create page, before anything is submitted."""

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from accounts.auth.principals import Principal
from inference.catalogue import ModelSpec
from inference.errors import InferenceError
from inference.presets import PRESETS
from inference.sizes import AUTO_ASPECT_RATIO, frame_size
from jobs.models import Priority
from jobs.queue.eta import estimate_wait_for_new
from jobs.videos.quote import quote
from jobs.videos.submission import default_model, get_enabled_model


@dataclass(frozen=True, kw_only=True)
class PriceEstimate:
    """The price and the size of a video. `presets`: credits by preset. `eta_seconds`: None while no worker runs."""

    credits: int
    balance: int
    width: int
    height: int
    num_frames: int
    fps: int
    eta_seconds: float | None
    presets: dict[str, int]

    @property
    def seconds(self) -> float:
        return self.num_frames / self.fps

    @property
    def left(self) -> int:
        """Remaining credits; negative if they do not suffice."""
        return self.balance - self.credits


def estimate_price(principal: Principal, values: dict[str, Any], image_size: tuple[int, int]) -> PriceEstimate:
    """Return the price of validated settings. `image_size`: width and height in pixels."""
    spec = get_enabled_model(values.get("model", default_model(principal.team)))
    preset = PRESETS.get(values.get("preset", ""), spec.defaults)
    aspect_ratio = values.get("aspect_ratio", AUTO_ASPECT_RATIO)
    steps = values.get("steps", preset.steps)
    num_frames = values.get("num_frames", preset.num_frames)
    width, height = frame_size(values.get("resolution", preset.resolution), aspect_ratio, *image_size)
    price = quote(spec=spec, width=width, height=height, num_frames=num_frames, steps=steps).credits
    queue_estimate = estimate_wait_for_new(
        team=principal.team, spec=spec, priority=Priority[preset.priority.upper()], credits=price
    )
    return PriceEstimate(
        credits=price,
        balance=principal.team.wallet.balance,
        width=width,
        height=height,
        num_frames=num_frames,
        fps=values.get("fps", spec.default_fps),
        eta_seconds=queue_estimate.eta_seconds,
        presets=_preset_prices(spec, aspect_ratio, image_size),
    )


def _preset_prices(spec: ModelSpec, aspect_ratio: str, image_size: tuple[int, int]) -> dict[str, int]:
    prices = {}
    for preset in PRESETS.values():
        width, height = frame_size(preset.resolution, aspect_ratio, *image_size)
        price = quote(spec=spec, width=width, height=height, num_frames=preset.num_frames, steps=preset.steps)
        prices[preset.name] = price.credits
    return prices


def parse_image_size(query: QueryDict) -> tuple[int, int]:
    """Return the width and height of the image that the browser sends; a square if they are missing or invalid."""
    try:
        width, height = int(query.get("picture_width", "")), int(query.get("picture_height", ""))
        frame_size("512p", AUTO_ASPECT_RATIO, width, height)
    except (ValueError, ArithmeticError, InferenceError):
        return 1, 1
    return width, height
