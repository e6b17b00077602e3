"""Estimate the price and the duration of a request before it is accepted."""

from dataclasses import dataclass
from typing import Any

from accounts.auth.principals import Principal
from accounts.quota.effective_limits import effective_limits_of
from jobs.queue.eta import QueueEstimate, estimate_wait_for_new
from jobs.videos.admission import GpuMemoryImpossible, check_memory
from jobs.videos.plan_limits import check_plan
from jobs.videos.quote import Quote, quote_settings
from jobs.videos.submission import VideoRequest


@dataclass(frozen=True)
class Estimate:
    """The result of `estimate`.

    price: the credits that a submit reserves, with their basis. queue_estimate: for the present queue, including the
    generation itself. fits: whether a registered GPU has enough memory. suggestions: if not, settings that fit, nearest
    first; may be empty.
    """

    price: Quote
    queue_estimate: QueueEstimate
    fits: bool
    suggestions: list[dict[str, Any]]


def estimate(*, principal: Principal, request: VideoRequest) -> Estimate:
    """Return the estimate; nothing is written. Raise NotInPlan if the team's plan does not allow the request."""
    check_plan(request, effective_limits_of(principal.team))
    price = quote_settings(request.descriptor, request)
    queue_estimate = estimate_wait_for_new(
        team=principal.team, descriptor=request.descriptor, priority=request.priority, credits=price.credits
    )
    try:
        check_memory(request)
    except GpuMemoryImpossible as error:
        return Estimate(price, queue_estimate, fits=False, suggestions=error.extra["suggestions"])
    return Estimate(price, queue_estimate, fits=True, suggestions=[])
