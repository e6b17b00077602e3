"""What a request would cost and how long it would take, before it is accepted."""

from dataclasses import dataclass
from typing import Any

from accounts.auth.principals import Principal
from accounts.quota.effective_limits import effective_limits_of
from jobs.queue.eta import QueueEstimate, estimate_wait_for_new
from jobs.videos.admission import GpuMemoryImpossible, check_memory
from jobs.videos.plan_limits import check_plan
from jobs.videos.quote import Quote, quote_request
from jobs.videos.submission import VideoRequest


@dataclass(frozen=True)
class Estimate:
    """price: what is reserved at submit. wait: in the queue as it is now, the making included.

    fits: whether a GPU here has the memory. suggestions: settings that fit where these do not, nearest first; there may
    be none.
    """

    price: Quote
    queue_estimate: QueueEstimate
    fits: bool
    suggestions: list[dict[str, Any]]


def estimate(*, principal: Principal, request: VideoRequest) -> Estimate:
    """Writes nothing. Raises NotInPlan for what the team's plan does not allow, as the submit would."""
    check_plan(request, effective_limits_of(principal.team))
    price = quote_request(request)
    queue_estimate = estimate_wait_for_new(
        team=principal.team, spec=request.spec, priority=request.priority, credits=price.credits
    )
    try:
        check_memory(request)
    except GpuMemoryImpossible as error:
        return Estimate(price, queue_estimate, fits=False, suggestions=error.extra["suggestions"])
    return Estimate(price, queue_estimate, fits=True, suggestions=[])
