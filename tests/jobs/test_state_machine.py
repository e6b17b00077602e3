"""Compares the job system on PostgreSQL with a simple model, over random sequences of steps from hypothesis.

A normal run has about 1,000 steps; with `HYPOTHESIS_PROFILE=nightly` it has 10,000. After every step, every job,
wallet, ledger and event is compared with the model.
"""

import os
import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase
from hypothesis import settings as HypothesisSettings  # noqa: N812 (a class)
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from accounts.auth.principals import Principal
from accounts.models import User
from accounts.quota.models import LedgerEntry, Plan, Wallet
from accounts.roles import Role, Scope
from accounts.teams.services import ensure_personal_team
from common.errors import Conflict, LimitExceeded
from common.messages import Message
from inference.models.catalogue import MODELS
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
from jobs.videos.services import submit_video
from jobs.videos.submission import VideoRequest
from tests.jobs.model import ACTIVE, MAX_CRASHES, ModelJob

STEPS = {"default": (25, 40), "nightly": (200, 50)}[os.environ.get("HYPOTHESIS_PROFILE", "default")]
SPEC = MODELS["i2vgen-xl"]
BALANCE, MAX_RUNNING = 400, 2
WORKER_ACTIONS = [
    "renew",
    "complete",
    "fail",
    "confirm cancel",
    "crash",
    "out of memory",
    "requeue",
    "requeue with delay",
]
# An action that is listed several times is more frequent.
ACTIONS = [
    *WORKER_ACTIONS,
    *("requeue", "crash", "submit", "submit"),
    *["claim"] * 5,
    *("cancel", "pass time", "pass time", "reconcile"),
]


class JobSystem(RuleBasedStateMachine):
    """Two teams, one pool, and any number of workers that crash, freeze and return with stale fences."""

    def __init__(self) -> None:
        super().__init__()
        # Each example is rolled back at its end, so that the next one starts with an empty queue.
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        Plan.objects.update_or_create(name="standard", defaults={"max_running": MAX_RUNNING})
        self.principals: dict[int, Principal] = {}
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
        self.transaction.__exit__(None, None, None)

    @rule(
        action=st.sampled_from(ACTIONS),
        pick=st.integers(0, 9),
        team=st.sampled_from([0, 1]),
        frames=st.sampled_from([8, 16, 32]),
        key=st.sampled_from([None, "k1", "k2", "k3"]),
        gpu_seconds=st.sampled_from([0.0, 0.4, 7.5, 300.0]),
        coin=st.booleans(),
    )
    def run_step(
        self, action: str, pick: int, team: int, frames: int, key: str | None, gpu_seconds: float, coin: bool
    ) -> None:
        """Run one step. There is one rule for all actions, since hypothesis would leave out some rules per example."""
        if action == "submit" or not self.model:
            self.submit(self.teams[team], frames, key, has_deadline=coin)
        elif action == "claim" or (action in WORKER_ACTIONS and not self.fences):
            self.claim()
        elif action == "reconcile":
            self.reconcile()
        elif action in WORKER_ACTIONS:
            self.run_worker_action(self.fences[-1 - pick % len(self.fences)], action, gpu_seconds)
        else:
            job_id = list(self.model)[-1 - pick % len(self.model)]
            if action == "cancel":
                self.cancel(job_id, delete=coin)
            else:
                self.pass_time(job_id, long=coin)

    def submit(self, team: int, frames: int, key: str | None, *, has_deadline: bool) -> None:
        request = _request(frames, has_deadline=has_deadline)
        idempotency = IdempotencyKey(key, b"same body") if key else None
        balance, _ = self._expected_sums(team)
        earlier = self.keys.get((team, key)) if key else None
        try:
            job = submit_video(principal=self.principals[team], build=lambda: request, idempotency=idempotency)
        except LimitExceeded:
            assert earlier is None
            assert balance < _price(frames)
            return
        except Conflict:
            assert earlier is not None
            assert self.model[earlier].deleted
            return
        if earlier:
            assert (job.pk, self.model[earlier].deleted) == (earlier, False)
            return
        assert balance >= job.quoted_credits
        self.model[job.pk] = ModelJob(team=team, quoted=job.quoted_credits, has_deadline=has_deadline)
        if key:
            self.keys[team, key] = job.pk

    def claim(self) -> None:
        job = claim_job(pool=SPEC.pool, worker_id=uuid.uuid4(), models=[SPEC.name], vram_mb=10**6)
        running = Counter(job.team for job in self.model.values() if job.state == "in_progress")
        claimable = {
            pk
            for pk, job in self.model.items()
            if job.state == "queued" and not job.is_delayed and not job.has_expired and running[job.team] < MAX_RUNNING
        }
        if job is None:
            assert claimable == set()
            return
        assert job.pk in claimable
        model_job = self.model[job.pk]
        model_job.state, model_job.attempt, model_job.lease_expired = "in_progress", model_job.attempt + 1, False
        assert job.fence == Fence(job.pk, model_job.attempt)
        self.fences.append(job.fence)

    def run_worker_action(self, fence: Fence, action: str, gpu_seconds: float) -> None:
        """Let any attempt run any action. It has an effect only if the attempt holds the job."""
        model_job = self.model[fence.job_id]
        held = model_job.is_held_by(fence)
        # Completing the same attempt again returns True: the response to a COMMIT may have been lost.
        again = action == "complete" and model_job.state == "completed" and model_job.attempt == fence.attempt
        accepted = self._call_service(fence, action, gpu_seconds)
        assert accepted == (held or again)
        if held:
            model_job.apply(action, gpu_seconds)
            self._freeze_delays()

    def _call_service(self, fence: Fence, action: str, gpu_seconds: float) -> bool:
        result = AttemptResult(f"{fence.attempt}/v.mp4", f"{fence.attempt}/p.jpg", 9, gpu_seconds)
        match action:
            case "renew":
                renewal = renew_lease(fence=fence, steps_done=1)
                assert renewal.cancel_requested == (renewal.held and self.model[fence.job_id].cancel_requested)
                return renewal.held
            case "complete":
                return complete_job(fence=fence, result=result)
            case "fail":
                return fail_job(fence=fence, code="x", message=Message("x"))
            case "confirm cancel":
                return confirm_cancel(fence=fence)
            case "crash" | "out of memory":
                code = "out_of_memory" if action == "out of memory" else "engine_crashed"
                return record_crash(fence=fence, code=code, message=Message("x"))
        return requeue_job(fence=fence, delay_seconds=60 if action == "requeue with delay" else 0)

    def cancel(self, job_id: uuid.UUID, *, delete: bool) -> None:
        (delete_job if delete else cancel_job)(job=Job.objects.get(pk=job_id))
        model_job = self.model[job_id]
        model_job.deleted |= delete
        if model_job.state == "queued":
            model_job.finish("canceled")
        elif model_job.state == "in_progress":
            model_job.cancel_requested = True

    def pass_time(self, job_id: uuid.UUID, *, long: bool) -> None:
        """End the delay of a job; after a long time, its lease and its deadline, too."""
        model_job, past = self.model[job_id], timezone.now() - timedelta(hours=1)
        row = Job.objects.filter(pk=job_id)
        if model_job.state == "queued":
            row.update(not_before=None)
            model_job.is_delayed = False
        if long and model_job.state == "in_progress":
            row.update(lease_until=past)
            model_job.lease_expired = True
        if long and model_job.has_deadline and model_job.state in ACTIVE:
            row.update(deadline_at=past)
            model_job.deadline_passed = True

    def reconcile(self) -> None:
        lost = [job for job in self.model.values() if job.state == "in_progress" and job.lease_expired]
        assert reconciler.recover_expired_leases() == len(lost)
        for job in lost:
            job.crash(MAX_CRASHES)
        self._freeze_delays()
        late = [job for job in self.model.values() if job.has_expired]
        assert reconciler.expire_deadlines() == len(late)
        for job in late:
            job.finish("expired")

    @invariant()
    def every_job_equals_the_model(self) -> None:
        columns = ("state", "attempt", "crash_count", "charged_credits")
        rows = {pk: tuple(row) for pk, *row in Job.objects.filter(team__in=self.teams).values_list("pk", *columns)}
        assert rows == {pk: (job.state, job.attempt, job.crashes, job.charged) for pk, job in self.model.items()}
        for pk, attempt, key in Job.objects.filter(pk__in=rows, state="completed").values_list(
            "pk", "attempt", "result_key"
        ):
            assert key == f"{attempt}/v.mp4", pk

    @invariant()
    def wallets_and_ledger_agree(self) -> None:
        rows = Counter(LedgerEntry.objects.filter(job_id__in=self.model).values_list("job_id", "kind"))
        reserves = [(pk, "reserve") for pk in self.model]
        final_entries = [(pk, job.final_entry) for pk, job in self.model.items() if job.final_entry]
        assert rows == Counter(reserves + final_entries)
        for team in self.teams:
            wallet = Wallet.objects.get(team=team)
            entries = list(LedgerEntry.objects.filter(team=team).values_list("balance_delta", "reserved_delta"))
            sums = sum(balance for balance, _ in entries), sum(reserved for _, reserved in entries)
            assert sums == (wallet.balance, wallet.reserved) == self._expected_sums(team)

    @invariant()
    def each_event_is_recorded_once(self) -> None:
        rows = Counter(JobEvent.objects.filter(job__in=self.model).values_list("job_id", "kind"))
        expected: Counter[tuple[uuid.UUID, str]] = Counter()
        for pk, job in self.model.items():
            kinds = {"queued", *(["started"] if job.attempt else []), *({job.state} - ACTIVE)}
            expected.update((pk, kind) for kind in kinds)
        assert rows == expected

    def _expected_sums(self, team: int) -> tuple[int, int]:
        jobs = [job for job in self.model.values() if job.team == team]
        reserved = sum(job.quoted for job in jobs if job.state in ACTIVE)
        return BALANCE - reserved - sum(job.charged or 0 for job in jobs), reserved

    def _freeze_delays(self) -> None:
        """Make delays end by `pass_time`, not by the clock, so that the test is the same on a slow machine."""
        delayed = [pk for pk, job in self.model.items() if job.state == "queued" and job.is_delayed]
        Job.objects.filter(pk__in=delayed).update(not_before=timezone.now() + timedelta(hours=1))


def _request(frames: int, *, has_deadline: bool) -> VideoRequest:
    return VideoRequest(
        descriptor=SPEC,
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
        loras=(),
        audio=False,
        seed=1,
        output_format="mp4",
        priority=Priority.NORMAL,
        metadata={},
        deadline=timedelta(hours=1) if has_deadline else None,
    )


def _price(frames: int) -> int:
    return quote(descriptor=SPEC, width=256, height=256, num_frames=frames, steps=50, guidance_scale=9.0).credits


def test_the_job_system_behaves_like_its_model(db: None, settings: Any) -> None:
    settings.STARTING_CREDITS, settings.MAX_ATTEMPTS = BALANCE, MAX_CRASHES
    examples, steps = STEPS
    run_state_machine_as_test(JobSystem, settings=_profile(examples, steps, phases=(Phase.generate,)))
    assert connection.in_atomic_block


def _profile(examples: int, steps: int, phases: tuple[Phase, ...] = tuple(Phase)) -> HypothesisSettings:
    return HypothesisSettings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=phases,
    )


def test_the_comparison_notices_a_missing_fence(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without fencing, the comparison with the model fails."""
    settings.STARTING_CREDITS, settings.MAX_ATTEMPTS = BALANCE, MAX_CRASHES
    for module in ("jobs.queue.finish", "jobs.queue.lease"):
        monkeypatch.setattr(
            f"{module}.job_leased_by", lambda fence: Job.objects.filter(pk=fence.job_id, state="in_progress")
        )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(JobSystem, settings=_profile(25, 40, phases=(Phase.generate,)))
