"""Changes in the apps above `accounts` are in the audit log of their team, without secrets."""

from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.audit.models import CHANGED, AuditEntry, Verb
from common.clock import DatabaseNow
from jobs.galleries.models import PublicPage, ShareLink
from jobs.models import Worker
from jobs.queue.workers import drain_worker, resume_worker
from jobs.webhooks.models import Endpoint
from portal.admin.models import Announcement
from tests.isolation.world import World


def entries(row: Any, verb: Verb = Verb.UPDATE) -> list[AuditEntry]:
    found = AuditEntry.objects.filter(model=row._meta.label, row_id=str(row.pk), verb=verb)
    return list(found.order_by("id"))


def test_galleries_and_webhooks_are_recorded_in_the_team_s_log(world: World) -> None:
    page = PublicPage.objects.create(team=world.owner.team, slug="reels", is_on=True)
    for row in (world.publication, world.collection, world.link, world.hook, page):
        (added,) = entries(row, Verb.INSERT)
        assert added.team == world.owner.team, row
        row.delete()
        (removed,) = entries(row.__class__(pk=added.row_id), Verb.DELETE)
        assert removed.team == world.owner.team, row


def test_no_secret_of_links_and_webhooks_is_in_the_log(world: World) -> None:
    ShareLink.objects.filter(pk=world.link.pk).update(password="hash-of-a-password", token="another-token")
    Endpoint.objects.filter(pk=world.hook.pk).update(former_secret=world.hook.secret, secret="whsec_another")
    (link,), (hook,) = entries(world.link), entries(world.hook)
    assert link.changes == {"password": CHANGED, "token": CHANGED}
    assert hook.changes == {"former_secret": CHANGED, "secret": CHANGED}
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(e::text, ' ') FROM audit_auditentry e")
        written = cursor.fetchone()[0]
    for secret in (world.link.token, world.hook.secret, "hash-of-a-password", "another-token", "whsec_another"):
        assert secret not in written


def test_views_and_failures_make_no_entry(world: World) -> None:
    ShareLink.objects.update(view_count=7)
    Endpoint.objects.update(failing_since=timezone.now())
    assert entries(world.link) == entries(world.hook) == []


def test_announcements_are_recorded(db: None) -> None:
    board = Announcement.objects.create(text_en="Down at noon", starts_at=timezone.now())
    Announcement.objects.update(text_en="Down at one")
    (entry,) = entries(board)
    assert entry.changes["text_en"] == ["Down at noon", "Down at one"]


def test_a_drain_is_recorded_and_a_heartbeat_is_not(db: None) -> None:
    worker = Worker.objects.create(name="w", pool="cpu", model="camera", device="cpu", last_heartbeat_at=DatabaseNow())
    Worker.objects.update(last_heartbeat_at=DatabaseNow(), state=Worker.State.BUSY, jobs_done=3, vram_free_mb=5)
    assert entries(worker) == []
    drain_worker(worker=worker)
    resume_worker(worker=worker)
    drained, resumed = entries(worker)
    assert list(drained.changes) == list(resumed.changes) == ["drain_requested_at"]
    assert resumed.changes["drain_requested_at"][1] is None
