"""Invariants that hold once no job is open. Each check has a name and yields the violations.

The checks do not share code with the product's own ledger check, so that a bug cannot hide in both.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import av
import numpy as np
import psycopg

from inference.engines.scripted.engine import color_of
from jobs.queue.ledger_check import find_discrepancies, find_missing_results
from jobs.states import TRANSITIONS
from tests.chaos.clients import Client, Submission
from tests.chaos.hooks import Hooks
from tests.chaos.monitor import Monitor
from tests.chaos.world import World

# H.264 and a palette do not keep a color exactly. The harness's colors differ by 32.
_COLOR_TOLERANCE = 12
# Nothing else may fail a job here: there are enough attempts to survive every injected fault.
EXPECTED_ERRORS = {"fails": {"scripted_failure"}, "deadline": {"deadline_passed"}}


@dataclass
class Evidence:
    world: World
    monitor: Monitor
    clients: list[Client]
    db: psycopg.Connection[Any]
    # None in a scenario run: its teams have no webhooks.
    hooks: Hooks | None

    @property
    def submissions(self) -> list[Submission]:
        return [submission for client in self.clients for submission in client.submissions]

    def rows(self, sql: LiteralString) -> list[tuple[Any, ...]]:
        return self.db.execute(sql).fetchall()


Check = Callable[[Evidence], Iterator[str]]
CHECKS: dict[str, Check] = {}


def invariant(name: str) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        CHECKS[name] = check
        return check

    return register


def violations(evidence: Evidence) -> dict[str, list[str]]:
    """Return the violations by the invariant's name. They are empty in a healthy run."""
    found = {name: list(check(evidence)) for name, check in CHECKS.items()}
    return {name: violated for name, violated in found.items() if violated}


@invariant("every submit was accepted in the end")
def _accepted(evidence: Evidence) -> Iterator[str]:
    for submission in evidence.submissions:
        if not submission.ids:
            yield f"{submission.key}: {submission.refused or 'never answered'}"


@invariant("every accepted job is in a terminal state")
def _terminal(evidence: Evidence) -> Iterator[str]:
    states = dict(evidence.rows("SELECT 'vid_' || replace(id::text, '-', ''), state FROM jobs_job"))
    for public_id, state in states.items():
        if state not in {"completed", "failed", "canceled", "expired"}:
            yield f"{public_id} is {state}"
    for submission in evidence.submissions:
        yield from (f"{public_id} is lost" for public_id in submission.ids - set(states))


@invariant("one job for one Idempotency-Key")
def _idempotent(evidence: Evidence) -> Iterator[str]:
    for key, count in evidence.rows("SELECT metadata->>'key', count(*) FROM jobs_job GROUP BY 1 HAVING count(*) > 1"):
        yield f"{key} made {count} jobs"
    for submission in evidence.submissions:
        if len(submission.ids) > 1:
            yield f"{submission.key} was answered with {sorted(submission.ids)}"


@invariant("a job ends as its script says")
def _outcome(evidence: Evidence) -> Iterator[str]:
    sql = "SELECT id::text, metadata->>'script', state, error_code, error_message FROM jobs_job"
    allowed = {
        "deadline": {"completed", "expired"},
        "fails": {"failed"},
        "canceled": {"completed", "canceled"},
        "canceled late": {"completed", "canceled"},
        "deleted": {"completed", "canceled"},
    }
    for job, script, state, code, message in evidence.rows(sql):
        if state not in allowed.get(script, {"completed"}) or (code and code not in EXPECTED_ERRORS.get(script, ())):
            yield f"{job} ({script}) ended as {state} {code} {message}"


@invariant("one reserve and one closing row for each job")
def _rows_of_job(evidence: Evidence) -> Iterator[str]:
    yield from (
        f"{job} {state}: {reserves} reserves, {closings} closing rows"
        for job, state, reserves, closings in evidence.rows("""
            SELECT j.id::text, j.state, count(*) FILTER (WHERE e.kind = 'reserve'),
                   count(*) FILTER (WHERE e.kind IN ('settle', 'release'))
            FROM jobs_job j LEFT JOIN quota_ledgerentry e ON e.job_id = j.id GROUP BY j.id, j.state
            HAVING count(*) FILTER (WHERE e.kind = 'reserve') <> 1
                OR count(*) FILTER (WHERE e.kind IN ('settle', 'release')) <> 1""")
    )


@invariant("settled exactly when completed; a canceled job is never charged")
def _settled(evidence: Evidence) -> Iterator[str]:
    yield from (
        f"{job} {state}: {kind}, charged {charged}"
        for job, state, kind, charged in evidence.rows("""
            SELECT j.id::text, j.state, e.kind, j.charged_credits
            FROM jobs_job j JOIN quota_ledgerentry e ON e.job_id = j.id AND e.kind <> 'reserve'
            WHERE (j.state = 'completed') <> (e.kind = 'settle')
               OR (j.state = 'completed') <> (j.charged_credits IS NOT NULL)
               OR e.reserved_delta <> -j.quoted_credits
               OR e.balance_delta <> j.quoted_credits - COALESCE(j.charged_credits, 0)""")
    )


@invariant("a wallet is the sum of its ledger and nothing stays reserved")
def _wallets(evidence: Evidence) -> Iterator[str]:
    yield from (
        f"team {team}: wallet {balance}/{reserved}, ledger {rows}"
        for team, balance, reserved, rows in evidence.rows("""
            SELECT w.team_id, w.balance, w.reserved, (SUM(e.balance_delta), SUM(e.reserved_delta))::text
            FROM quota_wallet w JOIN quota_ledgerentry e USING (team_id) GROUP BY w.team_id, w.balance, w.reserved
            HAVING w.balance <> SUM(e.balance_delta) OR w.reserved <> SUM(e.reserved_delta) OR w.reserved <> 0""")
    )


@invariant("usage by day, person, key and model is what the jobs add up to")
def _usage(evidence: Evidence) -> Iterator[str]:
    counted = """SELECT team_id, day, COALESCE(user_id, 0), COALESCE(api_key_id, 0), model, credits, videos, completed
                 FROM quota_usageday
                 WHERE (credits, videos, completed) <> (0, 0, 0)"""
    made = """SELECT team_id, (created_at AT TIME ZONE 'UTC')::date, COALESCE(user_id, 0), COALESCE(api_key_id, 0),
                     model, SUM(charged_credits), count(*), count(*)
              FROM jobs_job WHERE state = 'completed' GROUP BY 1, 2, 3, 4, 5"""
    for row in set(evidence.rows(counted)) ^ set(evidence.rows(made)):
        yield str(row)
    for team, counter, stored in evidence.rows("""
            SELECT w.team_id, w.stored_bytes, COALESCE(SUM(j.result_bytes), 0)
            FROM quota_wallet w LEFT JOIN jobs_job j
                 ON j.team_id = w.team_id AND j.state = 'completed' AND j.files_deleted_at IS NULL
            GROUP BY w.team_id HAVING w.stored_bytes <> COALESCE(SUM(j.result_bytes), 0)"""):
        yield f"team {team}: {counter} bytes counted, {stored} stored"


@invariant("the product's own ledger check finds nothing")
def _ledger(_: Evidence) -> Iterator[str]:
    for discrepancy in (*find_discrepancies(), *find_missing_results()):
        yield f"{discrepancy.rule}: {discrepancy.location}"


@invariant("the published result is playable, this job's, and the final attempt's")
def _results(evidence: Evidence) -> Iterator[str]:
    sql = """SELECT id::text, attempt, seed, num_frames, result_key, poster_key FROM jobs_job
             WHERE state = 'completed' AND files_deleted_at IS NULL"""
    for job, attempt, seed, frames, result, poster in evidence.rows(sql):
        for key in (result, poster):
            if f"/{job.replace('-', '')}/{attempt}/" not in key:
                yield f"{job}: attempt {attempt} published {key}"
        if wrong := _check_video(evidence.world.media / result, frames, color_of(seed)):
            yield f"{job}: {wrong}"


def _check_video(path: Path, frames: int, color: tuple[int, int, int]) -> str:
    try:
        with av.open(str(path)) as container:
            images = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    except (av.FFmpegError, OSError, IndexError) as error:
        return f"cannot be played: {error}"
    if len(images) != frames:
        return f"{len(images)} frames instead of {frames}"
    mean = np.mean(images, axis=(0, 1, 2))
    return "" if np.abs(mean - color).max() <= _COLOR_TOLERANCE else f"color {mean.round()} instead of {color}"


@invariant("states change only by the allowed transitions, and a claim takes only queued jobs")
def _journal(evidence: Evidence) -> Iterator[str]:
    sql = "SELECT job::text, old_state, new_state, old_attempt, new_attempt FROM chaos_journal ORDER BY id"
    for job, old, new, before, after in evidence.rows(sql):
        claimed = (old, new, after) == ("queued", "in_progress", before + 1)
        if not claimed and (before != after or old == new or new not in TRANSITIONS[old] or new == "in_progress"):
            yield f"{job}: {old} {before} -> {new} {after}"


@invariant("no engine continues a job that passed to another attempt")
def _two_holders(evidence: Evidence) -> Iterator[str]:
    yield from evidence.monitor.lasting_overlaps
    if evidence.monitor.error:
        yield f"the monitor failed: {evidence.monitor.error}"


@invariant("one event for each job and kind, the right ones")
def _events(evidence: Evidence) -> Iterator[str]:
    sql = "SELECT job_id::text, kind, count(*) FROM jobs_jobevent GROUP BY 1, 2 HAVING count(*) > 1"
    yield from (f"{job}: {count} times {kind}" for job, kind, count in evidence.rows(sql))
    yield from (
        f"{job} is {state}, its events are {kinds}"
        for job, state, kinds in evidence.rows("""
            SELECT j.id::text, j.state, array_agg(e.kind ORDER BY e.id) FROM jobs_job j
            LEFT JOIN jobs_jobevent e ON e.job_id = j.id GROUP BY j.id, j.state
            HAVING NOT 'queued' = ANY(array_agg(e.kind)) OR NOT j.state = ANY(array_agg(e.kind))
                OR (j.attempt > 0) <> ('started' = ANY(array_agg(e.kind)))
                OR count(*) <> 2 + (j.attempt > 0)::int""")
    )


@invariant("a webhook receives each completion, and each start that is not superseded, with one event id and signed")
def _webhooks(evidence: Evidence) -> Iterator[str]:
    if evidence.hooks is None:
        return
    yield from evidence.hooks.forged
    sql = "SELECT 'vid_' || replace(job_id::text, '-', ''), 'video.' || kind FROM jobs_jobevent WHERE kind <> 'queued'"
    expected = {(video, kind) for video, kind in evidence.rows(sql)}
    # A start that could not be delivered before the video ended.
    sql = "SELECT 'vid_' || replace(job_id::text, '-', ''), kind FROM webhooks_delivery WHERE state = 'superseded'"
    superseded = {(video, kind) for video, kind in evidence.rows(sql)}
    missing = expected - superseded - set(evidence.hooks.ids)
    yield from (f"{video}: {kind} was not delivered" for video, kind in missing)
    yield from (f"{video}: {kind} was superseded" for video, kind in superseded if kind != "video.started")
    yield from (f"{video}: {kind} never happened" for video, kind in set(evidence.hooks.ids) - expected)
    for (video, kind), ids in evidence.hooks.ids.items():
        if len(ids) > 1:
            yield f"{video}: {kind} came as {sorted(ids)}"


@invariant("no process is left")
def _processes(evidence: Evidence) -> Iterator[str]:
    for process in evidence.world.marked_processes():
        yield f"{process.pid} {' '.join(process.cmdline())}"


@invariant("no scratch file is left")
def _scratch(evidence: Evidence) -> Iterator[str]:
    yield from (str(path) for path in evidence.world.scratch.rglob("*"))


@invariant("no object is left that no job refers to")
def _orphans(evidence: Evidence) -> Iterator[str]:
    sql = """SELECT source_key, result_key, poster_key FROM jobs_job
             WHERE files_deleted_at IS NULL"""
    known = {key for keys in evidence.rows(sql) for key in keys if key}
    media = evidence.world.media
    found = (str(path.relative_to(media)) for path in media.rglob("*") if path.is_file())
    yield from (key for key in found if key not in known)


@invariant("every source image is kept as long as its job")
def _sources(evidence: Evidence) -> Iterator[str]:
    sql = "SELECT id::text, source_key FROM jobs_job WHERE files_deleted_at IS NULL"
    for job, key in evidence.rows(sql):
        if not (evidence.world.media / key).is_file():
            yield f"{job}: {key}"


@invariant("a deleted video's files are gone")
def _deleted(evidence: Evidence) -> Iterator[str]:
    sql = "SELECT id::text FROM jobs_job WHERE deleted_at IS NOT NULL AND files_deleted_at IS NULL"
    yield from (job for (job,) in evidence.rows(sql))


@invariant("an outage is answered with 503, never with 500")
def _answers(evidence: Evidence) -> Iterator[str]:
    for client in evidence.clients:
        if count := client.responses.get("500"):
            yield f"team {client.team.id} got {count}"


@invariant("every worker recovers by itself")
def _recovered(evidence: Evidence) -> Iterator[str]:
    yield from evidence.monitor.not_ready


@invariant("a forged wake-up executes nothing")
def _forged(evidence: Evidence) -> Iterator[str]:
    if (evidence.world.folder / "owned").exists():
        yield "a forged entry was executed"


@invariant("no process exited with an error by itself")
def _exited_with_error(evidence: Evidence) -> Iterator[str]:
    for process in evidence.world.processes.values():
        if process.error_exit_codes:
            yield f"{process.name}: exit codes {process.error_exit_codes}"
