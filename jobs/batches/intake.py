"""Takes the requests of a batch: each becomes an ordinary job by the ordinary submit, in a transaction of its own.

The item's row is written in the submit's transaction, which renews the lease as well. So a call that dies in the middle
leaves whole items behind and no half ones; one that was frozen and replaced takes nothing any more; and sending the
batch again with its Idempotency-Key goes on with the first request that is not there yet.
"""

import time
from typing import Any

import structlog
from django.db import transaction
from rest_framework.exceptions import ValidationError

from accounts.auth.principals import Principal
from accounts.quota.effective_limits import effective_limits_of
from common.clock import DatabaseNow
from common.concurrency import ConcurrencyLimitExceeded
from common.errors import InvalidField, MutoscopeError, Overloaded
from jobs.api.errors import as_mutoscope_error, storable_error
from jobs.api.validation import validate
from jobs.batches.bodies import BatchBody
from jobs.batches.images import BatchImages
from jobs.batches.models import Batch, BatchItem
from jobs.batches.serializers import BatchRequestSerializer, read_custom_id
from jobs.batches.services import INTAKE_LEASE, cancel_batch
from jobs.models import Job
from jobs.queue import wakeup
from jobs.states import State
from jobs.videos.admission import check_memory
from jobs.videos.plan_limits import check_plan
from jobs.videos.quote import quote_request
from jobs.videos.services import submit_job
from jobs.videos.submission import VideoRequest, build_request

log = structlog.get_logger(__name__)

# A call takes requests for so long; what is left waits for the batch to be sent again. Web processes are killed at 30.
INTAKE_TIMEOUT_SECONDS = 18.0
# The fault of the moment, not of the request: the next one would be refused as well.
_TRANSIENT_ERRORS = (Overloaded, ConcurrencyLimitExceeded)


class _LeaseLost(Exception):
    """The batch was withdrawn, or another call holds the lease."""


class Intake:
    """One call's work on one batch, or on one that is only to be."""

    def __init__(self, *, principal: Principal, batch_body: BatchBody, request_id: str) -> None:
        self._principal, self._batch_body, self._request_id = principal, batch_body, request_id
        self._images = BatchImages(batch_body, principal.team)
        self._deadline = time.monotonic() + INTAKE_TIMEOUT_SECONDS

    def close(self) -> None:
        """To be called in the end."""
        self._images.close()

    def validate_all(self) -> None:
        """For a batch that wants all or nothing. Raises InvalidField with each request that could not be taken."""
        needed, names, errors = 0, set[str](), []
        for index, sent in enumerate(self._batch_body.requests):
            if time.monotonic() > self._deadline:
                message = "There are too many pictures to be checked at once. Send fewer, or leave out on_error."
                raise InvalidField(message, code="too_much_to_check", param="on_error")
            try:
                request = self._build_request(sent, names)
                check_plan(request, effective_limits_of(self._principal.team))
                check_memory(request)
                needed += quote_request(request).credits
            except _TRANSIENT_ERRORS:
                raise
            except (MutoscopeError, ValidationError) as error:
                errors.append({"index": index, "error": self._as_json(error)})
        if errors:
            message = f"{len(errors)} of the requests cannot be taken; none was. See `requests`."
            raise InvalidField(message, code="batch_refused", param="requests", extra={"requests": errors})
        self._check_capacity(needed, index + 1)

    def _check_capacity(self, credits_needed: int, count: int) -> None:
        """Raises InvalidField where credits or the queue do not reach for all; another call may still be faster."""
        team, effective_limits = self._principal.team, effective_limits_of(self._principal.team)
        balance = team.wallet.balance
        room = effective_limits.max_queued - Job.objects.filter(team=team, state=State.QUEUED).count()
        if credits_needed > balance:
            message = f"The batch needs {credits_needed} credits and the team has {balance} left. Send fewer requests."
        elif count > room:
            message = f"The batch has {count} requests and the team's queue has room for {max(0, room)}. Send fewer."
        else:
            return
        raise InvalidField(message, code="batch_refused", param="requests")

    def accept(self, batch: Batch) -> None:
        """Takes what is not taken yet, as far as the time reaches; says on the batch whether that was all."""
        known = dict(batch.items.values_list("index", "custom_id"))
        names = {name for name in known.values() if name}
        try:
            for index, sent in enumerate(self._batch_body.requests):
                if index in known:
                    continue
                if time.monotonic() > self._deadline:
                    return self._pause(batch, "time")
                if not self._accept_one(batch, index, sent, names) and batch.on_error == Batch.OnError.FAIL_FAST:
                    return self._cancel(batch)
        except _TRANSIENT_ERRORS as error:
            return self._pause(batch, error.message)
        except _LeaseLost:
            return None
        return self._release_lease(batch, intake_lease_until=None)

    def _accept_one(self, batch: Batch, index: int, sent: Any, names: set[str]) -> bool:
        """Whether it became a video."""
        item = BatchItem(team_id=batch.team_id, batch=batch, index=index)
        try:
            request = self._build_request(sent, names, item)
            submit_job(principal=self._principal, request=request, on_accept=lambda job: self._save_item(item, job))
        except _TRANSIENT_ERRORS:
            raise
        except (MutoscopeError, ValidationError) as error:
            item.job, item.error = None, self._as_json(error)
            with transaction.atomic():
                self._save_item(item, None)
            return False
        return True

    def _build_request(self, sent: Any, names: set[str], item: BatchItem | None = None) -> VideoRequest:
        if isinstance(sent, MutoscopeError):
            raise sent
        name = read_custom_id(sent)
        if name in names:
            message = f"custom_id: {name!r} names an earlier request of this batch. Choose another name."
            raise InvalidField(message, code="custom_id_taken", param="custom_id")
        if name:
            # Before the other fields are looked at: an error is told under the client's own name, too.
            names.add(name)
            if item is not None:
                item.custom_id = name
        values = validate(BatchRequestSerializer, sent)
        image = self._images.for_request(values)
        return build_request(
            values, team=self._principal.team, cancel_after_seconds=values.get("cancel_after"), image=image
        )

    def _save_item(self, item: BatchItem, job: Job | None) -> None:
        """Writes the item and renews the lease, in the submit's transaction where there is one. Raises _Stopped."""
        if not self._leased(item.batch).update(intake_lease_until=DatabaseNow() + INTAKE_LEASE):
            raise _LeaseLost
        item.job = job
        item.save(force_insert=True)

    def _leased(self, batch: Batch) -> Any:
        return Batch.objects.filter(pk=batch.pk, intake_attempt=batch.intake_attempt, intake_lease_until__isnull=False)

    def _pause(self, batch: Batch, reason: str) -> None:
        """Leaves the rest to whoever sends the batch again."""
        log.info("batch_intake_paused", batch=batch.public_id, reason=reason)
        self._release_lease(batch, intake_lease_until=DatabaseNow())

    def _cancel(self, batch: Batch) -> None:
        """A request was refused although all had passed: somebody else took credits or places in between."""
        cancel_batch(batch=batch)

    def _release_lease(self, batch: Batch, *, intake_lease_until: Any) -> None:
        self._leased(batch).update(intake_lease_until=intake_lease_until)
        wakeup.notify(wakeup.MAINTENANCE_QUEUE)

    def _as_json(self, error: Exception) -> dict[str, Any]:
        known = as_mutoscope_error(error)
        assert known is not None  # noqa: S101 (both kinds that are caught are)
        return storable_error(known, self._request_id)
