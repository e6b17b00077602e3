"""The commands `grant`, `plan`, `create_team`, `create_key` and `drain_worker`: output and errors."""

import pytest
from django.core.management import CommandError, call_command

from accounts.auth.principals import principal_for_key
from accounts.models import Membership, Team, User
from accounts.quota.models import LedgerEntry, Plan, Wallet
from accounts.roles import Role, Scope
from accounts.teams.services import ensure_personal_team
from common.clock import DatabaseNow
from jobs.models import Worker


@pytest.fixture
def team(db: None) -> Team:
    return ensure_personal_team(user=User.objects.create_user("a@example.com", name="Ada"))


def output_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    call_command(*arguments)
    return capsys.readouterr().out.strip()


def test_grant_adds_and_takes_back_credits(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    assert output_of(capsys, "grant", "a@example.com", "50", "--reason", "a gift") == "Ada has 1050 credits"
    assert output_of(capsys, "grant", str(team.pk), "--reason", "a slip", "--", "-1050") == "Ada has 0 credits"
    rows = LedgerEntry.objects.order_by("id").values_list("kind", "balance_delta", "reason")
    assert list(rows)[1:] == [("grant", 50, "a gift"), ("adjust", -1050, "a slip")]
    with pytest.raises(CommandError, match="credits"):
        call_command("grant", "Ada", "--reason", "too much", "--", "-1")


@pytest.mark.parametrize("arguments", [["0"], ["5", "--reason", " "], ["9999999999999999999"]])
def test_grant_rejects_invalid_arguments(arguments: list[str], team: Team) -> None:
    with pytest.raises(CommandError):
        call_command("grant", "Ada", *arguments, *([] if "--reason" in arguments else ["--reason", "x"]))
    assert LedgerEntry.objects.count() == 1


def test_a_plan_is_created_changed_and_assigned(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    output = output_of(capsys, "plan", "studio", "--set", "max_running=8", "--set", "allowed_formats=mp4,gif")
    assert "max_running=8" in output
    assert "allowed_formats=mp4,gif" in output
    assert "weight=2" in output_of(capsys, "plan", "studio", "--set", "weight=2", "--set", "allowed_formats=")
    plan = Plan.objects.get(name="studio")
    assert (plan.max_running, plan.weight, plan.allowed_formats) == (8, 2, None)
    assert output_of(capsys, "plan", "studio", "--assign", "Ada") == "Ada now has the plan studio"
    assert Wallet.objects.get(team=team).plan == plan


@pytest.mark.parametrize(
    "arguments",
    [["unknown"], ["new", "--set", "color=red"], ["new", "--set", "weight=0"], ["new", "--set", "max_running=many"]],
)
def test_plan_rejects_invalid_arguments(arguments: list[str], db: None) -> None:
    with pytest.raises(CommandError, match=r"plan|FIELD=VALUE|weight|max_running"):
        call_command("plan", *arguments)
    assert not Plan.objects.filter(name="new").exists()


def test_create_a_team_and_a_key(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    number = output_of(capsys, "create_team", "Night shift", "--owner", "A@example.com")
    created = Team.objects.get(pk=number)
    assert created.memberships.get().role == Role.OWNER
    arguments = ["create_key", "--email", "a@example.com", "--team", number, "--scopes", "videos:read,usage:read"]
    principal = principal_for_key(output_of(capsys, *arguments, "--expires", "2999-01-01"), client_ip="127.0.0.1")
    scopes = frozenset({Scope("videos:read"), Scope("usage:read")})
    assert (principal.team, principal.scopes) == (created, scopes)
    assert principal.api_key is not None
    assert principal.api_key.expires_at is not None
    assert principal.api_key.expires_at.year == 2999


@pytest.mark.parametrize(
    "arguments", [["--team", "nobody"], ["--scopes", "all"], ["--expires", "2001-01-01"], ["--expires", "soon"]]
)
def test_create_key_rejects_invalid_arguments(arguments: list[str], team: Team) -> None:
    with pytest.raises(CommandError):
        call_command("create_key", "--email", "a@example.com", *arguments)


def test_a_key_needs_a_membership_and_scopes_of_the_role(team: Team) -> None:
    User.objects.create_user("b@example.com")
    with pytest.raises(CommandError, match="is not a member"):
        call_command("create_key", "--email", "b@example.com", "--team", str(team.pk))
    Membership.objects.create(team=team, user=User.objects.get(email="b@example.com"), role=Role.VIEWER)
    with pytest.raises(CommandError, match="viewer"):
        call_command("create_key", "--email", "b@example.com", "--team", str(team.pk), "--scopes", "videos:write")


def test_a_worker_is_drained_and_resumed(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    worker = Worker.objects.create(name="w", pool="cpu", model="camera", device="cpu", last_heartbeat_at=DatabaseNow())
    assert output_of(capsys, "drain_worker", "w") == "w now drains."
    assert output_of(capsys, "drain_worker", str(worker.pk)) == "w drains already."
    assert output_of(capsys, "drain_worker", "w", "--resume") == "w now claims jobs."
    with pytest.raises(CommandError, match="Registered workers: w"):
        call_command("drain_worker", "unknown")
