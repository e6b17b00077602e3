"""Intake: accept the requests of a batch. Each one is submitted as an ordinary job, in its own transaction.

The same transaction inserts the row of the item and renews the lease. Therefore a process that is killed leaves
complete items only; a process that was suspended and replaced accepts nothing more; and the same batch, sent again
with its Idempotency-Key, continues with the first request that has no item.
"""

import time
from typing import Any

import structlog
from django.db import transaction

from accounts.auth.principals import Principal
from accounts.quota.effective_limits import effective_limits_of
from common.clock import DatabaseNow
from common.concurrency import ConcurrencyLimitExceeded
from common.errors import Detail, InvalidField, MutoscopeError, Overloaded, internal_error, invalid_fields
from common.messages import Message
from common.tasks.queues import enqueue
from jobs.api.errors import as_mutoscope_error, storable_error
from jobs.api.validation import validate
from jobs.batches.bodies import BatchBody
from jobs.batches.images import BatchImages
from jobs.batches.models import Batch, BatchItem
from jobs.batches.serializers import BatchRequestSerializer, read_custom_id
from jobs.batches.services import INTAKE_LEASE, cancel_batch
from jobs.models import Job
from jobs.states import State
from jobs.videos.admission import check_memory
from jobs.videos.plan_limits import check_plan
from jobs.videos.quote import quote_settings
from jobs.videos.services import submit_video
from jobs.videos.submission import VideoRequest, build_request

log = structlog.get_logger(__name__)

# The remaining requests stay pending until the batch is sent again. Web processes are killed after 30 seconds.
INTAKE_TIMEOUT_SECONDS = 18.0
# Temporary errors that do not depend on the request: the next one would fail, too.
_TRANSIENT_ERRORS = (Overloaded, ConcurrencyLimitExceeded)


class _IntakeLeaseLost(Exception):
    """The batch was canceled, or another API request holds the lease."""


class Intake:
    """The work of one API request on one batch, which may not exist yet."""

    def __init__(self, *, principal: Principal, batch_body: BatchBody, request_id: str) -> None:
        self._principal, self._batch_body, self._request_id = principal, batch_body, request_id
        self._images = BatchImages(batch_body, principal.team)
        self._deadline = time.monotonic() + INTAKE_TIMEOUT_SECONDS

    def close(self) -> None:
        """Release the images."""
        self._images.close()

    def validate_all(self) -> None:
        """Validate all requests, for `fail_fast`. Raise InvalidField with every request that cannot be accepted."""
        needed, names, errors = 0, set[str](), []
        for index, raw_request in enumerate(self._batch_body.requests):
            if time.monotonic() > self._deadline:
                raise InvalidField(
                    "The batch contains too many images to check in one request. Send fewer, or omit on_error.",
                    code="too_much_to_check",
                    param="on_error",
                )
            try:
                request = self._build_request(raw_request, names)
                check_plan(request, effective_limits_of(self._principal.team))
                check_memory(request)
                needed += quote_settings(request.descriptor, request).credits
            except Exception as error:
                errors.append({"index": index, "error": self._as_refusal(error, index)})
        if errors:
            raise InvalidField(
                "%(count)s of the requests cannot be accepted, so none was. Correct those listed in `requests`.",
                {"count": len(errors)},
                code="batch_refused",
                param="requests",
                extra={"requests": errors},
            )
        self._check_capacity(needed, index + 1)

    def _check_capacity(self, credits_needed: int, count: int) -> None:
        """Raise InvalidField if credits or queue do not suffice. Other API requests may still use them up first."""
        team, effective_limits = self._principal.team, effective_limits_of(self._principal.team)
        balance = team.wallet.balance
        free = effective_limits.max_queued - Job.objects.filter(team=team, state=State.QUEUED).count()
        if credits_needed > balance:
            message = Message(
                "Not enough credits: the batch needs %(needed)s and the team has %(left)s left. Send fewer requests.",
                {"needed": credits_needed, "left": balance},
            )
        elif count > free:
            message = Message(
                "Too many requests: the batch has %(count)s and the team's queue accepts %(free)s more. "
                "Send fewer requests.",
                {"count": count, "free": max(0, free)},
            )
        else:
            return
        raise InvalidField(message, code="batch_refused", param="requests")

    def accept(self, batch: Batch) -> None:
        """Accept the requests that have no item yet. Those left at the deadline remain pending."""
        known = dict(batch.items.values_list("index", "custom_id"))
        names = {name for name in known.values() if name}
        try:
            for index, raw_request in enumerate(self._batch_body.requests):
                if index in known:
                    continue
                if time.monotonic() > self._deadline:
                    return self._pause(batch, "time")
                if not self._accept_one(batch, index, raw_request, names) and batch.on_error == Batch.OnError.FAIL_FAST:
                    return self._cancel(batch)
        except _TRANSIENT_ERRORS as error:
            return self._pause(batch, error.message)
        except _IntakeLeaseLost:
            return None
        return self._release_lease(batch, intake_lease_until=None)

    def _accept_one(self, batch: Batch, index: int, raw_request: Any, names: set[str]) -> bool:
        """Accept or refuse one request. Return whether a video was created."""
        item = BatchItem(team_id=batch.team_id, batch=batch, index=index)
        try:
            submit_video(
                principal=self._principal,
                build=lambda: self._build_request(raw_request, names, item),
                on_accept=lambda job: self._save_item(item, job),
            )
        except Exception as error:
            item.job, item.error = None, self._as_refusal(error, index)
            with transaction.atomic():
                self._save_item(item, None)
            return False
        return True

    def _build_request(self, raw_request: Any, names: set[str], item: BatchItem | None = None) -> VideoRequest:
        if isinstance(raw_request, MutoscopeError):
            raise raw_request
        name = read_custom_id(raw_request)
        if name in names:
            message = Message(
                "'%(name)s' is the custom_id of an earlier request of this batch. Choose another one.", {"name": name}
            )
            raise invalid_fields(Detail(("custom_id",), message, "custom_id_taken"), code="custom_id_taken")
        if name:
            # Before the other fields are validated, so that their errors are reported with the custom_id.
            names.add(name)
            if item is not None:
                item.custom_id = name
        values = validate(BatchRequestSerializer, raw_request)
        return build_request(
            values,
            team=self._principal.team,
            cancel_after_seconds=values.get("cancel_after"),
            image=self._images.image_of(values),
            last_image=self._images.last_image_of(values),
        )

    def _save_item(self, item: BatchItem, job: Job | None) -> None:
        """Insert the item and renew the lease, in the transaction of its job if any. Raise _IntakeLeaseLost."""
        if not self._leased(item.batch).update(intake_lease_until=DatabaseNow() + INTAKE_LEASE):
            raise _IntakeLeaseLost
        item.job = job
        item.save(force_insert=True)

    def _leased(self, batch: Batch) -> Any:
        return Batch.objects.filter(pk=batch.pk, intake_attempt=batch.intake_attempt, intake_lease_until__isnull=False)

    def _pause(self, batch: Batch, reason: str) -> None:
        """Leave the remaining requests pending until the client sends the batch again."""
        log.info("batch_intake_paused", batch=batch.public_id, reason=reason)
        self._release_lease(batch, intake_lease_until=DatabaseNow())

    def _cancel(self, batch: Batch) -> None:
        """Cancel the batch: a request was refused after validation, because credits or queue were used up meanwhile."""
        cancel_batch(batch=batch)

    def _release_lease(self, batch: Batch, *, intake_lease_until: Any) -> None:
        self._leased(batch).update(intake_lease_until=intake_lease_until)
        enqueue("finish_due_batches")

    def _as_refusal(self, error: Exception, index: int) -> dict[str, Any]:
        """Return the error of one request, to be stored. Raise it if the next request would fail, too."""
        client_error = as_mutoscope_error(error)
        if isinstance(error, _IntakeLeaseLost) or isinstance(client_error, _TRANSIENT_ERRORS):
            raise error
        if client_error is None:
            # The others are still accepted, and the same batch sent again does not fail in the same place.
            log.exception("batch_request_failed", index=index)
            client_error = internal_error()
        return storable_error(client_error, self._request_id)
