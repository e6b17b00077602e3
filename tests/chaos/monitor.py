"""Observes the portal during the faults: which worker holds which job, and every change of each job's row."""

import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import psutil
import psycopg

from tests.chaos.world import World

# The database itself records every change of state or attempt, so that no process can omit one.
JOURNAL = """
CREATE TABLE chaos_journal (
    id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), job uuid NOT NULL,
    old_state text NOT NULL, new_state text NOT NULL, old_attempt int NOT NULL, new_attempt int NOT NULL,
    owner uuid, lease_until timestamptz, crashes int NOT NULL, cancel_requested timestamptz
);
CREATE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos_journal (job, old_state, new_state, old_attempt, new_attempt, owner, lease_until, crashes,
                               cancel_requested)
    VALUES (NEW.id, OLD.state, NEW.state, OLD.attempt, NEW.attempt, COALESCE(NEW.lease_owner, OLD.lease_owner),
            OLD.lease_until, NEW.crash_count, NEW.cancel_requested_at);
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_journal AFTER UPDATE ON jobs_job FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.attempt IS DISTINCT FROM NEW.attempt)
    EXECUTE FUNCTION chaos_note();
"""
# Jobs that crashed an engine are delayed for up to a minute, which is too long for the harness.
LIFT_PAUSES = """
UPDATE jobs_job SET not_before = clock_timestamp() + interval '1 second'
WHERE state = 'queued' AND not_before > clock_timestamp() + interval '1 second'
"""
# A worker that was just resumed, or is just ending a run, may need this long to stop.
_GRACE_SECONDS = 2.0
_EVERY_SECONDS = 0.25


@dataclass
class Overlap:
    """A worker whose engine continues a job that passed to another attempt."""

    first_seen: float
    last_seen: float


@dataclass
class Monitor:
    world: World
    overlaps: dict[str, Overlap] = field(default_factory=dict)
    error: str = ""
    not_ready: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        with self.connect(autocommit=True) as connection:
            connection.execute(JOURNAL)
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(10)

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection[tuple[Any, ...]]:
        """Connect to the database directly, past the proxies."""
        sockets = str(self.world.postgres.sockets)
        return psycopg.connect(
            host=sockets, user="postgres", dbname="mutoscope", connect_timeout=3, autocommit=autocommit
        )

    def wait_for_workers(self, seconds: float) -> None:
        """Record the workers that are not ready for a job again this long after the last fault."""
        sql: LiteralString = """SELECT name, state, last_error FROM jobs_worker
                                WHERE last_heartbeat_at > clock_timestamp() - interval '2 s'"""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with self.connect() as connection:
                found = connection.execute(sql).fetchall()
            self.not_ready = [
                f"{name} is {state}: {last_error}" for name, state, last_error in found if state != "ready"
            ]
            if not self.not_ready and len(found) == len(self.world.workers):
                return
            time.sleep(0.2)
        self.not_ready.append(f"{len(found)} of {len(self.world.workers)} workers sent a heartbeat")

    def _run(self) -> None:
        connection = None
        while not self._stop.wait(_EVERY_SECONDS):
            try:
                connection = connection or self.connect(autocommit=True)
                self._observe(connection)
            except psycopg.Error:
                connection = None
            except Exception as error:
                self.error = repr(error)

    def _observe(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        connection.execute(LIFT_PAUSES)
        held = self._held()
        if held:
            jobs = [job for _, job, _ in held]
            sql = "SELECT replace(id::text, '-', ''), attempt, state FROM jobs_job WHERE id = ANY(%s::uuid[])"
            now = {job: (attempt, state) for job, attempt, state in connection.execute(sql, [jobs])}
            for pid, job, attempt in held:
                current, state = now.get(job, (attempt, ""))
                if current > attempt and state == "in_progress":
                    self._note_overlap(f"pid {pid} job {job} attempt {attempt} while attempt {current} runs")

    def _held(self) -> list[tuple[int, str, int]]:
        """Return (pid, job, attempt) of every run that an engine may be working on, for workers that are not frozen."""
        frozen = {p.pid for p in self.world.workers if p.frozen or time.monotonic() - p.thawed_at < _GRACE_SECONDS}
        found = []
        for folder in _folders(self.world.scratch):
            pid = int(folder.name.partition("-")[0])
            if pid in frozen or not _has_engine(pid):
                continue
            for run in _folders(folder):
                if not (run / "frames.npy").exists():
                    job, _, attempt = run.name.partition("-")
                    found.append((pid, job, int(attempt)))
        return found

    def _note_overlap(self, key: str) -> None:
        now = time.monotonic()
        seen = self.overlaps.setdefault(key, Overlap(now, now))
        seen.last_seen = now

    @property
    def lasting_overlaps(self) -> list[str]:
        return [
            f"{key} (for {seen.last_seen - seen.first_seen:.1f} s)"
            for key, seen in self.overlaps.items()
            if seen.last_seen - seen.first_seen > _GRACE_SECONDS
        ]


def _folders(parent: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(parent) if entry.is_dir()]
    except OSError:
        return []


def _has_engine(pid: int) -> bool:
    try:
        return any("spawn_main" in " ".join(child.cmdline()) for child in psutil.Process(pid).children())
    except psutil.Error:
        return False
