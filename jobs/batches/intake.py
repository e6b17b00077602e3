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

from accounts.principals import Principal
from accounts.quota.allowance import allowance_of
from common.clock import DatabaseNow
from common.errors import InvalidField, MutoscopeError, Overloaded
from common.slots import TooManyAtOnce
from jobs.api.errors import as_mutoscope_error, envelope
from jobs.api.videos import checked_body
from jobs.batches.models import Batch, BatchItem
from jobs.batches.pictures import Pictures
from jobs.batches.serializers import BatchRequestSerializer, custom_id_of
from jobs.batches.services import LEASE, cancel_batch
from jobs.batches.uploads import Upload
from jobs.models import Job
from jobs.requests import VideoRequest, resolve
from jobs.services import doorbell
from jobs.services.admission import check_memory
from jobs.services.plans import check_plan
from jobs.services.quote import quote_request
from jobs.services.submit import submit_job
from jobs.states import State

log = structlog.get_logger(__name__)

# A call takes requests for so long; what is left waits for the batch to be sent again. Web processes are killed at 30.
MOST_SECONDS = 18.0
# The fault of the moment, not of the request: the next one would be refused as well.
_BUSY = (Overloaded, TooManyAtOnce)


class _Stopped(Exception):
    """The batch was withdrawn, or another call holds the lease."""


class Intake:
    """One call's work on one batch, or on one that is only to be."""

    def __init__(self, *, principal: Principal, upload: Upload, request_id: str) -> None:
        self._principal, self._upload, self._request_id = principal, upload, request_id
        self._pictures = Pictures(upload, principal.team)
        self._deadline = time.monotonic() + MOST_SECONDS

    def close(self) -> None:
        """To be called in the end."""
        self._pictures.close()

    def check_all(self) -> None:
        """For a batch that wants all or nothing. Raises InvalidField with each request that could not be taken."""
        needed, names, wrong = 0, set[str](), []
        for index, sent in enumerate(self._upload.requests):
            if time.monotonic() > self._deadline:
                message = "There are too many pictures to be checked at once. Send fewer, or leave out on_error."
                raise InvalidField(message, code="too_much_to_check", param="on_error")
            try:
                request = self._request(sent, names)
                check_plan(request, allowance_of(self._principal.team))
                check_memory(request)
                needed += quote_request(request).credits
            except _BUSY:
                raise
            except (MutoscopeError, ValidationError) as error:
                wrong.append({"index": index, "error": self._as_json(error)})
        if wrong:
            message = f"{len(wrong)} of the requests cannot be taken; none was. See `requests`."
            raise InvalidField(message, code="batch_refused", param="requests", extra={"requests": wrong})
        self._check_room(needed, index + 1)

    def _check_room(self, credits_needed: int, count: int) -> None:
        """Raises InvalidField where credits or the queue do not reach for all; another call may still be faster."""
        team, allowance = self._principal.team, allowance_of(self._principal.team)
        balance = team.wallet.balance
        room = allowance.max_queued - Job.objects.filter(team=team, state=State.QUEUED).count()
        if credits_needed > balance:
            message = f"The batch needs {credits_needed} credits and the team has {balance} left. Send fewer requests."
        elif count > room:
            message = f"The batch has {count} requests and the team's queue has room for {max(0, room)}. Send fewer."
        else:
            return
        raise InvalidField(message, code="batch_refused", param="requests")

    def take(self, batch: Batch) -> None:
        """Takes what is not taken yet, as far as the time reaches; says on the batch whether that was all."""
        known = dict(batch.items.values_list("index", "custom_id"))
        names = {name for name in known.values() if name}
        try:
            for index, sent in enumerate(self._upload.requests):
                if index in known:
                    continue
                if time.monotonic() > self._deadline:
                    return self._pause(batch, "time")
                if not self._take_one(batch, index, sent, names) and batch.on_error == Batch.OnError.REFUSE_ALL:
                    return self._withdraw(batch)
        except _BUSY as error:
            return self._pause(batch, error.message)
        except _Stopped:
            return None
        return self._leave(batch, taking_until=None)

    def _take_one(self, batch: Batch, index: int, sent: Any, names: set[str]) -> bool:
        """Whether it became a video."""
        item = BatchItem(team_id=batch.team_id, batch=batch, index=index)
        try:
            request = self._request(sent, names, item)
            submit_job(principal=self._principal, request=request, on_accept=lambda job: self._keep(item, job))
        except _BUSY:
            raise
        except (MutoscopeError, ValidationError) as error:
            item.job, item.error = None, self._as_json(error)
            with transaction.atomic():
                self._keep(item, None)
            return False
        return True

    def _request(self, sent: Any, names: set[str], item: BatchItem | None = None) -> VideoRequest:
        if isinstance(sent, MutoscopeError):
            raise sent
        name = custom_id_of(sent)
        if name in names:
            message = f"custom_id: {name!r} names an earlier request of this batch. Choose another name."
            raise InvalidField(message, code="custom_id_taken", param="custom_id")
        if name:
            # Before the other fields are looked at: an error is told under the client's own name, too.
            names.add(name)
            if item is not None:
                item.custom_id = name
        values = checked_body(BatchRequestSerializer, sent)
        picture = self._pictures.of(values)
        return resolve(
            values, team=self._principal.team, cancel_after_seconds=values.get("cancel_after"), picture=picture
        )

    def _keep(self, item: BatchItem, job: Job | None) -> None:
        """Writes the item and renews the lease, in the submit's transaction where there is one. Raises _Stopped."""
        if not self._held(item.batch).update(taking_until=DatabaseNow() + LEASE):
            raise _Stopped
        item.job = job
        item.save(force_insert=True)

    def _held(self, batch: Batch) -> Any:
        return Batch.objects.filter(pk=batch.pk, takes=batch.takes, taking_until__isnull=False)

    def _pause(self, batch: Batch, reason: str) -> None:
        """Leaves the rest to whoever sends the batch again."""
        log.info("batch_paused", batch=batch.public_id, reason=reason)
        self._leave(batch, taking_until=DatabaseNow())

    def _withdraw(self, batch: Batch) -> None:
        """A request was refused although all had passed: somebody else took credits or places in between."""
        cancel_batch(batch=batch)

    def _leave(self, batch: Batch, *, taking_until: Any) -> None:
        self._held(batch).update(taking_until=taking_until)
        doorbell.ring(doorbell.SIDE_QUEUE)

    def _as_json(self, error: Exception) -> dict[str, Any]:
        known = as_mutoscope_error(error)
        assert known is not None  # noqa: S101 (both kinds that are caught are)
        found: dict[str, Any] = envelope(known, self._request_id)["error"]
        return found
