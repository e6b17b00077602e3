"""What a run says of itself: jobs, faults, recovery times, violations."""

import json
import statistics
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psycopg

from tests.chaos.run import Run


def summary(run: Run) -> str:
    outcome, plan = run.outcome, run.plan
    lines = [f"chaos: seed {plan.seed}, {plan.kills} kills, {plan.jobs} jobs, {plan.workers} workers"]
    lines.append("  seconds     " + ", ".join(f"{name} {took:.1f}" for name, took in outcome.seconds.items()))
    with psycopg.connect(**run.watch.address()) as db:
        states = db.execute("SELECT state, count(*) FROM jobs_job GROUP BY 1 ORDER BY 1").fetchall()
        lines.append("  jobs        " + ", ".join(f"{count} {state}" for state, count in states))
        tries = db.execute("SELECT max(attempt), sum(attempt), sum(crash_count) FROM jobs_job").fetchone()
        lines.append("  attempts    {1} in all, at most {0} for a job, {2} counted as crashes".format(*tries))
        lines += [f"  {name:<11} {_figures(times)}" for name, times in recovery_times(run, db).items()]
    lines.append("  faults      " + _tally(Counter(blow.kind for blow in run.injector.blows)))
    if run.injector.skipped:
        lines.append("  not struck  " + _tally(run.injector.skipped))
    answers: Counter[str] = Counter()
    for client in outcome.clients:
        answers.update(client.answers)
    slowest = max(client.slowest_seconds for client in outcome.clients)
    lines.append(f"  answers     {_tally(answers)}; slowest {slowest:.1f} s")
    swallowed = sum(line.swallowed for line in run.world.lines.values())
    lines.append(f"  swallowed   {swallowed} answers to COMMIT; {outcome.orphans_swept} orphans swept at the end")
    if not outcome.violations:
        lines.append("  violations  none")
    for name, wrong in outcome.violations.items():
        lines.append(f"  VIOLATED    {name}: {len(wrong)}")
        lines += [f"                {line}" for line in wrong[:8]]
    return "\n".join(lines)


def recovery_times(run: Run, db: psycopg.Connection) -> dict[str, list[float]]:
    """engine: from the kill to the next engine that is ready. worker: from the kill to its job back in the queue."""
    ready = {worker.name: list(_said(worker.log, "engine_ready")) for worker in run.world.workers}
    engine = []
    for blow in run.injector.blows:
        if blow.kind == "kill engine":
            after = [at for at in ready[blow.target] if at > blow.at - 0.5]
            engine += [max(0.0, after[0] - blow.at)] if after else []
    sql = """SELECT extract(epoch FROM min(at))::float FROM chaos_journal
             WHERE job = %s AND old_attempt = %s AND old_state = 'in_progress'"""
    back = []
    for blow in run.injector.blows:
        for held in blow.held:
            (at,) = db.execute(sql, held).fetchone()
            back += [at - blow.at] if at and at > blow.at else []
    return {"engine back": engine, "job back": back}


def _said(log: Path, event: str) -> Iterator[float]:
    """When a process logged an event, in the true clock's seconds whatever its own clock says."""
    for line in log.read_text(errors="replace").splitlines():
        if event in line:
            try:
                entry = json.loads(line)
                yield datetime.fromisoformat(entry["timestamp"]).timestamp()
            except (ValueError, KeyError):
                continue


def _figures(times: list[float]) -> str:
    if not times:
        return "-"
    return f"median {statistics.median(times):.2f} s, slowest {max(times):.2f} s ({len(times)} times)"


def _tally(counts: Counter[str]) -> str:
    return ", ".join(f"{count} x {what}" for what, count in sorted(counts.items()))
