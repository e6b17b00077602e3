"""The report of a run: jobs, faults, recovery times and violations."""

import json
import statistics
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from tests.chaos.run import Run


def summary(run: Run) -> str:
    outcome, plan = run.outcome, run.plan
    lines = [f"chaos: seed {plan.seed}, {plan.kills} kills, {plan.jobs} jobs, {plan.workers} workers"]
    lines.append("  seconds     " + ", ".join(f"{name} {took:.1f}" for name, took in outcome.seconds.items()))
    with run.monitor.connect() as db:
        states = db.execute("SELECT state, count(*) FROM jobs_job GROUP BY 1 ORDER BY 1").fetchall()
        lines.append("  jobs        " + ", ".join(f"{count} {state}" for state, count in states))
        [attempts] = db.execute("SELECT max(attempt), sum(attempt), sum(crash_count) FROM jobs_job").fetchall()
        lines.append("  attempts    {1} in all, at most {0} for a job, {2} counted as crashes".format(*attempts))
        lines += [f"  {name:<11} {_figures(times)}" for name, times in recovery_times(run, db).items()]
    lines.append("  faults      " + _counts(Counter(fault.kind for fault in run.injector.injected)))
    if run.injector.skipped:
        lines.append("  skipped     " + _counts(run.injector.skipped))
    responses: Counter[str] = Counter()
    for client in outcome.clients:
        responses.update(client.responses)
    slowest = max(client.slowest_seconds for client in outcome.clients)
    lines.append(f"  responses   {_counts(responses)}; slowest {slowest:.1f} s")
    dropped = sum(line.dropped for line in run.world.proxies.values())
    lines.append(f"  dropped     {dropped} responses to COMMIT; {outcome.orphans_deleted} orphans deleted at the end")
    if not outcome.violations:
        lines.append("  violations  none")
    for name, violated in outcome.violations.items():
        lines.append(f"  VIOLATED    {name}: {len(violated)}")
        lines += [f"                {line}" for line in violated[:8]]
    return "\n".join(lines)


def recovery_times(run: Run, db: psycopg.Connection[Any]) -> dict[str, list[float]]:
    """Return the seconds from a kill to the next engine that is ready, and to the job's return to the queue."""
    ready = {worker.name: list(_logged_at(worker.log, "engine_ready")) for worker in run.world.workers}
    engine = []
    for fault in run.injector.injected:
        if fault.kind == "kill engine":
            after = [at for at in ready[fault.target] if at > fault.at - 0.5]
            engine += [max(0.0, after[0] - fault.at)] if after else []
    sql = """SELECT extract(epoch FROM min(at))::float FROM chaos_journal
             WHERE job = %s AND old_attempt = %s AND old_state = 'in_progress'"""
    queued = []
    for fault in run.injector.injected:
        for held in fault.held:
            [(at,)] = db.execute(sql, held).fetchall()
            queued += [at - fault.at] if at and at > fault.at else []
    return {"engine up": engine, "job queued": queued}


def _logged_at(log: Path, event: str) -> Iterator[float]:
    """Yield when a process logged an event, in seconds of the process's own clock."""
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


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count} x {what}" for what, count in sorted(counts.items()))
