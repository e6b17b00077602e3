"""What a request would cost and how long it would take, before it is accepted."""

from dataclasses import dataclass
from typing import Any

from accounts.principals import Principal
from accounts.quota.allowance import allowance_of
from common.ids import new_id
from jobs.requests import VideoRequest
from jobs.services.admission import GpuMemoryImpossible, check_memory
from jobs.services.plans import check_plan
from jobs.services.queue import Wait, describe_wait
from jobs.services.quote import Quote, quote
from jobs.services.submit import job_of


@dataclass(frozen=True)
class Estimate:
    """price: what is reserved at submit. wait: in the queue as it is now, the making included.

    suggestions: settings that fit the memory of the GPUs here, nearest first, where these do not.
    """

    price: Quote
    wait: Wait
    suggestions: list[dict[str, Any]]

    @property
    def fits(self) -> bool:
        return not self.suggestions


def estimate(*, principal: Principal, request: VideoRequest) -> Estimate:
    """Writes nothing. Raises InvalidField for what the team's plan does not allow, as the submit would."""
    check_plan(request, allowance_of(principal.team))
    job = job_of(principal, request, new_id(), "")
    price = quote(
        spec=request.spec,
        width=request.width,
        height=request.height,
        num_frames=request.num_frames,
        steps=request.steps,
    )
    try:
        check_memory(request)
    except GpuMemoryImpossible as error:
        return Estimate(price, describe_wait(job), error.extra["suggestions"])
    return Estimate(price, describe_wait(job), [])
