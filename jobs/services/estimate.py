"""What a request would cost and how long it would take, before it is accepted."""

from dataclasses import dataclass
from typing import Any

from accounts.principals import Principal
from accounts.quota.allowance import allowance_of
from jobs.requests import VideoRequest
from jobs.services.admission import GpuMemoryImpossible, check_memory
from jobs.services.plans import check_plan
from jobs.services.queue import Wait, describe_wait_of_new
from jobs.services.quote import Quote, quote_request


@dataclass(frozen=True)
class Estimate:
    """price: what is reserved at submit. wait: in the queue as it is now, the making included.

    fits: whether a GPU here has the memory. suggestions: settings that fit where these do not, nearest first; there may
    be none.
    """

    price: Quote
    wait: Wait
    fits: bool
    suggestions: list[dict[str, Any]]


def estimate(*, principal: Principal, request: VideoRequest) -> Estimate:
    """Writes nothing. Raises NotInPlan for what the team's plan does not allow, as the submit would."""
    check_plan(request, allowance_of(principal.team))
    price = quote_request(request)
    wait = describe_wait_of_new(
        team=principal.team, spec=request.spec, priority=request.priority, credits=price.credits
    )
    try:
        check_memory(request)
    except GpuMemoryImpossible as error:
        return Estimate(price, wait, fits=False, suggestions=error.extra["suggestions"])
    return Estimate(price, wait, fits=True, suggestions=[])
