"""The price of the settings on the Create page, before anything is submitted."""

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.auth.principals import Principal
from accounts.quota.effective_limits import effective_limits_of
from accounts.quota.quotas import NO_CAPS, Quota, check_usage, quotas_of
from accounts.quota.usage_key import UsageKey
from accounts.roles import Role
from common.errors import LimitExceeded
from inference.models.descriptor import ModelDescriptor
from inference.models.sizes import AUTO_ASPECT_RATIO, nearest_aspect_ratio
from jobs.models import Priority
from jobs.queue.eta import estimate_wait_for_new
from jobs.videos.quote import quote_preset, quote_settings
from jobs.videos.submission import check_settings, default_model, get_offered_model


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
    # Quotas of the member with a limit, and the message if this video would exceed one of theirs or of the team.
    member_quotas: list[Quota]
    quota_error: str

    @property
    def seconds(self) -> float:
        return self.num_frames / self.fps

    @property
    def left(self) -> int:
        """Remaining credits; negative if they do not suffice."""
        return self.balance - self.credits


def estimate_price(principal: Principal, values: dict[str, Any], image_size: tuple[int, int] | None) -> PriceEstimate:
    """Return the price of validated settings. `image_size`: width and height in pixels, None if there is no image."""
    descriptor = _model(principal, values)
    if descriptor.inputs.image == "none":
        image_size = None
    elif descriptor.inputs.image == "required":
        image_size = image_size or (1, 1)  # the image is still to be chosen
    chosen = check_settings(descriptor, values, image_size)
    preset = descriptor.presets.get(chosen.preset, descriptor.default)
    price = quote_settings(descriptor, chosen).credits
    member_quotas, quota_error = _member_quotas(principal, descriptor, price)
    queue_estimate = estimate_wait_for_new(
        team=principal.team, descriptor=descriptor, priority=Priority[preset.priority.upper()], credits=price
    )
    return PriceEstimate(
        credits=price,
        balance=principal.team.wallet.balance,
        width=chosen.width,
        height=chosen.height,
        num_frames=chosen.num_frames,
        fps=chosen.fps,
        eta_seconds=queue_estimate.eta_seconds,
        presets=_preset_prices(descriptor, values.get("aspect_ratio", AUTO_ASPECT_RATIO), image_size),
        member_quotas=[quota for quota in member_quotas if quota.limit is not None],
        quota_error=quota_error,
    )


def _member_quotas(principal: Principal, descriptor: ModelDescriptor, price: int) -> tuple[list[Quota], str]:
    """Return the member's own quotas, and the message of a submit that would exceed one of theirs or of the team."""
    usage_key = UsageKey(
        team_id=principal.team.pk,
        user_id=principal.user.pk,
        api_key_id=None,
        model=descriptor.name,
        day=timezone.now().date(),
    )
    quotas: dict[str, Any] = {
        "usage_key": usage_key,
        "effective_limits": effective_limits_of(principal.team),
        "member": principal.member_caps,
        "key": None,
    }
    applied = quotas_of(**quotas)
    own = [] if principal.member_caps == NO_CAPS else [quota for quota in applied if quota.scope == "member"]
    try:
        check_usage(applied, credits=price, is_counted=False)
    except LimitExceeded as error:
        return own, error.localized()
    return own, ""


def cheapest_preset(principal: Principal, values: dict[str, Any]) -> int:
    """Return the credits of the cheapest preset for the chosen model, of a square image."""
    return min(_preset_prices(_model(principal, values), AUTO_ASPECT_RATIO, (1, 1)).values())


def insufficient_credits_message(principal: Principal, *, needed: int, balance: int, cheapest: int) -> str:
    """Return the message that the team does not have enough credits, with what helps: less work, or whom to ask."""
    values = {"needed": needed, "left": balance}
    if cheapest <= balance:
        text = _(
            "Not enough credits: this video needs %(needed)s and the team has %(left)s left. Choose a smaller preset."
        )
        return text % values
    owner = principal.team.memberships.filter(role=Role.OWNER).exclude(user=principal.user).first()
    if owner is not None:
        text = _(
            "Not enough credits: this video needs %(needed)s and the team has %(left)s left. Ask %(owner)s for more."
        )
        return text % (values | {"owner": owner.user.email})
    text = _(
        "Not enough credits: this video needs %(needed)s and the team has %(left)s left. "
        "Ask the site's administrator for more."
    )
    return text % values


def _model(principal: Principal, values: dict[str, Any]) -> ModelDescriptor:
    return get_offered_model(values["model"] if "model" in values else default_model(principal.team))


def _preset_prices(
    descriptor: ModelDescriptor, aspect_ratio: str, image_size: tuple[int, int] | None
) -> dict[str, int]:
    return {
        name: quote_preset(descriptor, preset, aspect_ratio=aspect_ratio, image_size=image_size).credits
        for name, preset in descriptor.presets.items()
    }


def parse_image_size(query: QueryDict) -> tuple[int, int] | None:
    """Return the width and height of the image that the browser sends; None if they are missing or invalid."""
    try:
        width, height = int(query.get("image_width", "")), int(query.get("image_height", ""))
        nearest_aspect_ratio(width, height)
    except (ValueError, ArithmeticError):
        return None
    return width, height
