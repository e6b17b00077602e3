"""Exports: requested on a page, created by a maintenance worker, deleted after EXPORT_RETENTION_DAYS."""

import uuid
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from accounts.models import User
from common.clock import DatabaseNow
from common.errors import Conflict
from common.tasks.queues import enqueue_on_commit
from jobs.exports.archive import write_archive
from jobs.exports.emails import send_export_ready
from jobs.exports.models import Export
from jobs.storage.files import delete_folder, prune_folder

log = structlog.get_logger(__name__)

State = Export.State
MAX_ATTEMPTS = 3
# Renewed after every file. If a worker is killed, another one continues after this time.
LEASE_DURATION = timedelta(minutes=10)
_RETRY_DELAY = timedelta(minutes=1)


class _ExportLeaseLost(Exception):
    """Another worker holds the lease, or the export is no longer needed."""


def request_export(*, user: User) -> Export:
    """Queue an export. Raise Conflict while another export of the person is waiting."""
    try:
        with transaction.atomic():
            export = Export.objects.create(user=user)
    except IntegrityError as error:
        raise Conflict(
            "Your data is already being collected. We will email you when it is ready.", code="waiting"
        ) from error
    enqueue_on_commit("build_export", export.pk)
    return export


def build_export(export_id: uuid.UUID) -> bool:
    """Create a requested export, unless another worker has begun. Return whether it was completed."""
    export = _claim(Export.objects.filter(pk=export_id))
    return export is not None and _build(export)


def build_due_exports() -> bool:
    """Create the export that has waited for longest. Return whether there was one. Several processes may run it."""
    _fail_exhausted()
    export = _claim(Export.objects.all())
    if export is not None:
        _build(export)
    return export is not None


def delete_expired_exports() -> int:
    """Delete the files of expired exports; return their number. Deleting twice is safe."""
    due = list(Export.objects.filter(state=State.READY, expires_at__lte=DatabaseNow()))
    for export in due:
        delete_folder(export.folder)
        Export.objects.filter(pk=export.pk, state=State.READY).update(state=State.GONE, file_key="")
    return len(due)


def expire_exports(sender: object, *, user: User, **_: Any) -> None:
    """Handle `account_deleted`: fail waiting exports and expire the others."""
    exports = Export.objects.filter(user=user)
    exports.filter(state=State.WAITING).update(state=State.FAILED)
    exports.filter(state=State.READY).update(expires_at=DatabaseNow())
    enqueue_on_commit("delete_expired_exports")


def _claim(exports: QuerySet[Export]) -> Export | None:
    free = Q(lease_until=None) | Q(lease_until__lt=DatabaseNow())
    waiting = exports.filter(free, state=State.WAITING, attempt__lt=MAX_ATTEMPTS)
    with transaction.atomic():
        export = waiting.select_for_update(skip_locked=True).order_by("created_at").first()
        if export is None:
            return None
        Export.objects.filter(pk=export.pk).update(attempt=F("attempt") + 1, lease_until=DatabaseNow() + LEASE_DURATION)
    return Export.objects.select_related("user").get(pk=export.pk)


def _current_attempt(export: Export) -> QuerySet[Export]:
    return Export.objects.filter(pk=export.pk, attempt=export.attempt, state=State.WAITING)


def _renew(export: Export) -> None:
    if not _current_attempt(export).update(lease_until=DatabaseNow() + LEASE_DURATION):
        raise _ExportLeaseLost


def _build(export: Export) -> bool:
    Path(settings.SCRATCH_DIR).mkdir(parents=True, exist_ok=True)
    try:
        with TemporaryDirectory(dir=settings.SCRATCH_DIR, prefix="export-") as folder:
            path = Path(folder) / "mutoscope.zip"
            write_archive(user=export.user, path=path, renew_lease=lambda: _renew(export))
            with path.open("rb") as file:
                key = default_storage.save(export.attempt_key, File(file))
            done = _publish(export, key, path.stat().st_size)
    except _ExportLeaseLost:
        return False
    except OSError as error:
        log.warning("export_failed", export=str(export.pk), attempt=export.attempt, reason=str(error))
        _current_attempt(export).update(lease_until=DatabaseNow() + _RETRY_DELAY)
        return False
    if not done:
        default_storage.delete(key)
        return False
    prune_folder(export.folder, keep={key})  # files of interrupted attempts
    log.info("export_completed", export=str(export.pk), user=export.user_id)
    send_export_ready(export.user)
    return True


@transaction.atomic
def _publish(export: Export, key: str, size_bytes: int) -> bool:
    """Mark the export as ready and expire earlier ones. Return False if the lease was lost."""
    expires_at = DatabaseNow() + timedelta(days=settings.EXPORT_RETENTION_DAYS)
    if not _current_attempt(export).update(
        state=State.READY, file_key=key, size_bytes=size_bytes, expires_at=expires_at, lease_until=None
    ):
        return False
    older = Export.objects.filter(user=export.user, state=State.READY).exclude(pk=export.pk)
    older.update(expires_at=DatabaseNow())
    return True


def _fail_exhausted() -> None:
    """Mark exports as failed after the last attempt. The page shows this, and the person can request another one."""
    exhausted = Export.objects.filter(state=State.WAITING, attempt__gte=MAX_ATTEMPTS, lease_until__lt=DatabaseNow())
    for export in exhausted:
        if _current_attempt(export).update(state=State.FAILED, lease_until=None):
            with suppress(OSError):  # if the storage is unavailable, it has no file to delete
                delete_folder(export.folder)
