"""A simple model of the job system beside the real one on PostgreSQL: hypothesis plays them against each other.

About 1,000 steps in a normal run; `HYPOTHESIS_PROFILE=nightly` makes it 10,000. Every step is followed by a comparison
of every job, wallet, ledger and event with what the model says.
"""

import os
import uuid
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as play

from accounts.auth.principals import Principal
from accounts.models import User
from accounts.quota.models import LedgerEntry, Plan, Wallet
from accounts.roles import Role, Scope
from accounts.teams.services import ensure_personal_team
from common.errors import Conflict, LimitExceeded
from common.messages import Message
from inference.catalogue import MODELS
from jobs.fencing import Fence
from jobs.models import Job, JobEvent, Priority
from jobs.queue import reconcile as reconciler
from jobs.queue.cancel import cancel_job, delete_job
from jobs.queue.claim import claim_job
from jobs.queue.finish import AttemptResult, complete_job, confirm_cancel, fail_job, record_crash, requeue_job
from jobs.queue.lease import renew_lease
from jobs.queue.ledger_check import find_discrepancies
from jobs.videos.idempotency import IdempotencyKey
from jobs.videos.quote import quote
from jobs.videos.services import submit_job
from jobs.videos.submission import VideoRequest
from tests.jobs.model import ACTIVE, MAX_CRASHES, ModelJob

STEPS = {"default": (25, 40), "nightly": (200, 50)}[os.environ.get("HYPOTHESIS_PROFILE", "default")]
SPEC = MODELS["i2vgen-xl"]
BALANCE, MAX_RUNNING = 400, 2
WORDS = ["beat", "complete", "fail", "stop", "crash", "out of memory", "hand back", "pause"]
DEEDS = [*WORDS, "hand back", "crash", "submit", "submit", *["claim"] * 5, "withdraw", "time", "time", "reconcile"]


class JobSystem(RuleBasedStateMachine):
    """Two teams, one pool, any number of workers that live, crash, freeze and come back with stale fences."""

    def __init__(self) -> None:
        super().__init__()
        # Each example is undone at its end: on the next one's queue lies nothing.
        self.undone = transaction.atomic()
        self.undone.__enter__()
        Plan.objects.update_or_create(name="standard", defaults={"max_running": MAX_RUNNING})
        self.principals = {}
        for name in ("a", "b"):
            user = User.objects.create_user(f"{name}-{uuid.uuid4().hex}@example.com")
            team = ensure_personal_team(user=user)
            self.principals[team.pk] = Principal(team, user, Role.OWNER, frozenset(Scope))
        self.teams = list(self.principals)
        self.model: dict[uuid.UUID, ModelJob] = {}
        self.keys: dict[tuple[int, str], uuid.UUID] = {}
        self.fences: list[Fence] = []

    def teardown(self) -> None:
        assert list(find_discrepancies()) == []
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)

    @rule(
        deed=st.sampled_from(DEEDS),
        pick=st.integers(0, 9),
        team=st.sampled_from([0, 1]),
        frames=st.sampled_from([8, 16, 32]),
        key=st.sampled_from([None, "k1", "k2", "k3"]),
        gpu_seconds=st.sampled_from([0.0, 0.4, 7.5, 300.0]),
        coin=st.booleans(),
    )
    def go_on(self, deed, pick, team, frames, key, gpu_seconds, coin):
        """One rule for all: hypothesis would leave some rules out of an example, and most need the others."""
        if deed == "submit" or not self.model:
            self.submit(self.teams[team], frames, key, deadline=coin)
        elif deed == "claim" or (deed in WORDS and not self.fences):
            self.claim()
        elif deed == "reconcile":
            self.reconcile()
        elif deed in WORDS:
            self.hear_a_worker(self.fences[-1 - pick % len(self.fences)], deed, gpu_seconds)
        else:
            job = list(self.model)[-1 - pick % len(self.model)]
            self.withdraw(job, forever=coin) if deed == "withdraw" else self.let_time_pass(job, long=coin)

    def submit(self, team, frames, key, *, deadline):
        request = _request(frames, deadline=deadline)
        idempotency = IdempotencyKey(key, b"same body") if key else None
        free, _ = self._money(team)
        known = self.keys.get((team, key)) if key else None
        try:
            job = submit_job(principal=self.principals[team], request=request, idempotency=idempotency)
        except LimitExceeded:
            assert known is None
            assert free < _price(frames)
            return
        except Conflict:
            assert known is not None
            assert self.model[known].deleted
            return
        if known:
            assert (job.pk, self.model[known].deleted) == (known, False)
            return
        assert free >= job.quoted_credits
        self.model[job.pk] = ModelJob(team=team, quoted=job.quoted_credits, deadline=deadline)
        if key:
            self.keys[team, key] = job.pk

    def claim(self):
        job = claim_job(pool=SPEC.pool, worker_id=uuid.uuid4(), models=[SPEC.name], vram_mb=10**6)
        running = Counter(job.team for job in self.model.values() if job.state == "in_progress")
        claimable = {
            pk
            for pk, job in self.model.items()
            if job.state == "queued" and not job.paused and not job.has_expired and running[job.team] < MAX_RUNNING
        }
        if job is None:
            assert claimable == set()
            return
        assert job.pk in claimable
        mine = self.model[job.pk]
        mine.state, mine.attempt, mine.lease_over = "in_progress", mine.attempt + 1, False
        assert job.fence == Fence(job.pk, mine.attempt)
        self.fences.append(job.fence)

    def hear_a_worker(self, fence, word, gpu_seconds):
        """Any attempt may say anything at any time; only the one that holds the job is heard."""
        mine = self.model[fence.job_id]
        held = mine.holds(fence)
        # A success that was published is confirmed again: the answer to a COMMIT may have been lost.
        again = word == "complete" and mine.state == "completed" and mine.attempt == fence.attempt
        heard = self._say(fence, word, gpu_seconds)
        assert heard == (held or again)
        if held:
            mine.hear(word, gpu_seconds)
            self._hold_the_pauses()

    def _say(self, fence, word, gpu_seconds):
        result = AttemptResult(f"{fence.attempt}/v.mp4", f"{fence.attempt}/p.jpg", 9, gpu_seconds)
        match word:
            case "beat":
                answer = renew_lease(fence=fence, steps_done=1)
                assert answer.cancel_requested == (answer.held and self.model[fence.job_id].cancel_requested)
                return answer.held
            case "complete":
                return complete_job(fence=fence, result=result)
            case "fail":
                return fail_job(fence=fence, code="x", message=Message("x"))
            case "stop":
                return confirm_cancel(fence=fence)
            case "crash" | "out of memory":
                code = "out_of_memory" if word == "out of memory" else "engine_crashed"
                return record_crash(fence=fence, code=code, message=Message("x"))
        return requeue_job(fence=fence, delay_seconds=60 if word == "pause" else 0)

    def withdraw(self, job, *, forever):
        (delete_job if forever else cancel_job)(job=Job.objects.get(pk=job))
        mine = self.model[job]
        mine.deleted |= forever
        if mine.state == "queued":
            mine.end("canceled")
        elif mine.state == "in_progress":
            mine.cancel_requested = True

    def let_time_pass(self, job, *, long):
        """For one job: its pause is over; after a long time its lease and its deadline too."""
        mine, past = self.model[job], timezone.now() - timedelta(hours=1)
        row = Job.objects.filter(pk=job)
        if mine.state == "queued":
            row.update(not_before=None)
            mine.paused = False
        if long and mine.state == "in_progress":
            row.update(lease_until=past)
            mine.lease_over = True
        if long and mine.deadline and mine.state in ACTIVE:
            row.update(deadline_at=past)
            mine.late = True

    def reconcile(self):
        over = [job for job in self.model.values() if job.state == "in_progress" and job.lease_over]
        assert reconciler.recover_expired_leases() == len(over)
        for job in over:
            job.crash(MAX_CRASHES)
        self._hold_the_pauses()
        late = [job for job in self.model.values() if job.has_expired]
        assert reconciler.expire_deadlines() == len(late)
        for job in late:
            job.end("expired")

    @invariant()
    def every_job_is_as_the_model_says(self):
        columns = ("state", "attempt", "crash_count", "charged_credits")
        found = {pk: tuple(row) for pk, *row in Job.objects.filter(team__in=self.teams).values_list("pk", *columns)}
        assert found == {pk: (job.state, job.attempt, job.crashes, job.charged) for pk, job in self.model.items()}
        for pk, attempt, key in Job.objects.filter(pk__in=found, state="completed").values_list(
            "pk", "attempt", "result_key"
        ):
            assert key == f"{attempt}/v.mp4", pk

    @invariant()
    def the_books_agree(self):
        rows = Counter(LedgerEntry.objects.filter(job_id__in=self.model).values_list("job_id", "kind"))
        wanted = [(pk, "reserve") for pk in self.model] + [(pk, j.closing) for pk, j in self.model.items() if j.closing]
        assert rows == Counter(wanted)
        for team in self.teams:
            wallet = Wallet.objects.get(team=team)
            entries = list(LedgerEntry.objects.filter(team=team).values_list("balance_delta", "reserved_delta"))
            sums = sum(balance for balance, _ in entries), sum(reserved for _, reserved in entries)
            assert sums == (wallet.balance, wallet.reserved) == self._money(team)

    @invariant()
    def each_event_was_told_once(self):
        found = Counter(JobEvent.objects.filter(job__in=self.model).values_list("job_id", "kind"))
        wanted = Counter()
        for pk, job in self.model.items():
            kinds = {"queued", *(["started"] if job.attempt else []), *({job.state} - ACTIVE)}
            wanted.update((pk, kind) for kind in kinds)
        assert found == wanted

    def _money(self, team: int) -> tuple[int, int]:
        mine = [job for job in self.model.values() if job.team == team]
        reserved = sum(job.quoted for job in mine if job.state in ACTIVE)
        return BALANCE - reserved - sum(job.charged or 0 for job in mine), reserved

    def _hold_the_pauses(self) -> None:
        """Pauses end by rule, not by the clock: the test is the same on a slow machine."""
        paused = [pk for pk, job in self.model.items() if job.state == "queued" and job.paused]
        Job.objects.filter(pk__in=paused).update(not_before=timezone.now() + timedelta(hours=1))


def _request(frames: int, *, deadline: bool) -> VideoRequest:
    return VideoRequest(
        spec=SPEC,
        image_png=b"png",
        prompt="a",
        negative_prompt="",
        preset="",
        resolution="256p",
        width=256,
        height=256,
        num_frames=frames,
        fps=8,
        steps=50,
        guidance_scale=9.0,
        seed=1,
        output_format="mp4",
        priority=Priority.NORMAL,
        metadata={},
        deadline=timedelta(hours=1) if deadline else None,
    )


def _price(frames: int) -> int:
    return quote(spec=SPEC, width=256, height=256, num_frames=frames, steps=50).credits


def test_the_job_system_does_what_its_model_does(db, settings):
    settings.STARTING_CREDITS, settings.MAX_ATTEMPTS = BALANCE, MAX_CRASHES
    examples, steps = STEPS
    play(JobSystem, settings=_profile(examples, steps, phases=(Phase.generate,)))
    assert connection.in_atomic_block


def _profile(examples: int, steps: int, phases: tuple[Phase, ...] = tuple(Phase)) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=phases,
    )


def test_the_model_can_disagree(db, settings, monkeypatch):
    """Without the fence the model notices: the comparison is not empty."""
    settings.STARTING_CREDITS, settings.MAX_ATTEMPTS = BALANCE, MAX_CRASHES
    for module in ("jobs.queue.finish", "jobs.queue.lease"):
        monkeypatch.setattr(
            f"{module}.job_leased_by", lambda fence: Job.objects.filter(pk=fence.job_id, state="in_progress")
        )
    with pytest.raises(AssertionError):
        play(JobSystem, settings=_profile(25, 40, phases=(Phase.generate,)))
