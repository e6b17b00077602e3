"""Maintenance workers as processes: each serves its own queues, and SIGTERM loses nothing."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from jobs.exports.models import Export
from jobs.exports.services import request_export
from jobs.webhooks.models import Delivery, Endpoint
from jobs.webhooks.services import ping
from tests.support.environment import process_environment
from tests.support.people import Person
from tests.support.webhook_receiver import Receiver
from tests.support.workers import WAIT_TIMEOUT_SECONDS, wait_until

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(transactional_db: None, tmp_path: Path) -> Iterator[Start]:
    """Start maintenance workers of some queues."""
    started: list[subprocess.Popen[bytes]] = []

    def start_one(*queues: str) -> subprocess.Popen[bytes]:
        variables = {"WEBHOOKS_ALLOW_PRIVATE_IPS": 1, "SCRATCH_DIR": tmp_path / "scratch"}
        command = [sys.executable, "manage.py", "maintenance_worker", *queues]
        started.append(subprocess.Popen(command, cwd=settings.ROOT, env=process_environment(variables)))
        return started[-1]

    yield start_one
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_sigterm_under_load_loses_no_webhook(
    start: Start, endpoint: Callable[..., Endpoint], receiver: Receiver
) -> None:
    hooks = [endpoint(f"/hook{number}") for number in range(3)]
    for _ in range(2):
        for hook in hooks * 8:
            ping(endpoint=hook)
        worker, before = start("webhooks"), len(receiver.requests)
        # Until it delivers, it may not have installed its signal handler yet.
        wait_until(lambda before=before: len(receiver.requests) > before)  # type: ignore[misc]
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(WAIT_TIMEOUT_SECONDS) == 0
    start("webhooks")
    wait_until(lambda: not Delivery.objects.exclude(state=Delivery.State.DELIVERED).exists())
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 48


def test_a_long_export_does_not_delay_webhooks(
    start: Start, alice: Person, endpoint: Callable[..., Endpoint], receiver: Receiver
) -> None:
    export = request_export(user=alice.user)
    connection.ensure_connection()
    own = connection.connection.info
    with psycopg.connect(host=own.host, port=own.port, user=own.user, dbname=own.dbname) as other:
        # The worker of the exports waits in its task until this session ends.
        other.execute("LOCK TABLE exports_export IN ACCESS EXCLUSIVE MODE")
        start("files", "exports")
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'exports_export'::regclass"
        wait_until(lambda: other.execute(waiting).fetchone())
        start("webhooks", "mail")
        ping(endpoint=endpoint())
        wait_until(lambda: receiver.requests)
        assert other.execute(waiting).fetchone()
    wait_until(lambda: Export.objects.get(pk=export.pk).state == Export.State.READY)


def test_an_unknown_queue_is_refused() -> None:
    with pytest.raises(CommandError, match="'nothing'"):
        call_command("maintenance_worker", "nothing")
