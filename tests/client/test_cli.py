"""The command `mutoscope` against a running portal, in a terminal and in scripts."""

import json
import signal
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from accounts.quota.models import Plan, Wallet
from jobs.models import Job
from jobs.states import State
from mutoscope.cli import formatting
from mutoscope.cli.session import Session
from tests.client.faulty_proxy import FaultyProxy
from tests.client.shell import Shell
from tests.client.test_client import CAT
from tests.support.workers import wait_for_state, wait_until

pytestmark = pytest.mark.xdist_group("processes")
SMALL = ("--model", "scripted", "--resolution", "256p", "--frames", "8", "--steps", "100")
# Until it is hurried.
SLOW = ("generate", CAT, "delay=0.6", *SMALL)


@pytest.fixture
def live(live_process, settings):
    settings.MODELS_ENABLED = ["camera", "scripted"]
    return live_process(MODELS_ENABLED="camera,scripted")


@pytest.fixture
def shell(tmp_path, live, key):
    folder = tmp_path / "home"
    folder.mkdir()
    with Shell(folder, MUTOSCOPE_BASE_URL=live.url, MUTOSCOPE_API_KEY=key) as made:
        yield made


def test_sign_in_look_and_sign_out(tmp_path, live, key):
    shell = Shell(tmp_path)
    assert shell.run("whoami").returncode == 3
    refused = shell.run("login", "--url", live.url, input="mts_0a1b2c_wrong\n")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "wrong" not in refused.stderr
    assert list(tmp_path.rglob("login.json")) == []
    done = shell.run("login", "--url", f"{live.url}/", "--json", input=f"{key}\n")
    assert done.returncode == 0, done.stderr
    stored = Path(json.loads(done.stdout)["stored_in"])
    assert (stored.stat().st_mode & 0o777, stored.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    for command in (["whoami"], ["whoami", "--json"], ["models"], ["limits"], ["usage", "--by", "model"], ["list"]):
        seen = shell.run(*command)
        assert seen.returncode == 0, seen.stderr
        assert key not in done.stdout + seen.stdout + seen.stderr
    # A stored key goes to its own server alone.
    elsewhere = Shell(tmp_path, MUTOSCOPE_BASE_URL="http://127.0.0.1:1")
    assert elsewhere.run("list").returncode == 3
    assert shell.run("logout").returncode == 0
    assert not stored.exists()
    assert shell.run("list", "--json").returncode == 3


def test_storage_is_shown_for_people_and_counted_for_programs(shell):
    Plan.objects.update(storage_bytes=2_500_000_000)
    Wallet.objects.update(stored_bytes=52_428_800)
    rows = [line.split() for line in shell.run("limits").stdout.splitlines()]
    assert ["team", "storage", "52.4", "MB", "2.4", "GB"] in rows
    (counted,) = [row for row in json.loads(shell.run("limits", "--json").stdout)["quotas"] if "storage" in row["name"]]
    assert (counted["used"], counted["remaining"]) == (52_428_800, 2_447_571_200)
    Plan.objects.update(storage_bytes=None)
    rows = [line.split() for line in shell.run("limits").stdout.splitlines()]
    assert ["team", "storage", "52.4", "MB", "no", "limit"] in rows


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 bytes"), (14_200, "14 kB"), (2_500_000, "2.5 MB"), (1_200_000_000_000, "1.2 TB")]
)
def test_bytes_are_shown_in_the_unit_that_fits(count, shown):
    assert formatting.size(count) == shown


def test_from_a_photograph_to_a_file_over_a_broken_line(shell, live, start_worker, hurry):
    start_worker("--model", "scripted")
    with FaultyProxy(live.port, cut_after=6000) as relay:
        shell.environment["MUTOSCOPE_BASE_URL"] = relay.url
        process = shell.start(*SLOW, "--seed", 7, "--metadata", "order=7", "-o", "out.mp4", "--json")
        wait_until(lambda: relay.cuts >= 1)
        hurry()
        told, said = process.communicate(timeout=300)
        shell.check(told + said)
    assert process.returncode == 0, said
    made = json.loads(told)
    assert (made["status"], made["seed"], made["metadata"], made["file"]) == ("completed", 7, {"order": "7"}, "out.mp4")
    assert (shell.folder / "out.mp4").read_bytes()[4:8] == b"ftyp"
    shell.environment["MUTOSCOPE_BASE_URL"] = live.url
    assert json.loads(shell.run("get", made["id"], "--json").stdout)["id"] == made["id"]
    assert [row["id"] for row in json.loads(shell.run("list", "--json").stdout)["data"]] == [made["id"]]
    saved = shell.run("download", made["id"], "--variant", "spritesheet", "--json")
    assert (shell.folder / json.loads(saved.stdout)["file"]).read_bytes()[:2] == b"\xff\xd8"
    full = shell.run("download", made["id"], "-o", "/dev/full")
    assert (full.returncode, "No space left" in full.stderr) == (1, True)
    lines = [json.loads(line) for line in shell.run("watch", "--json").stdout.splitlines()]
    assert (lines[0]["event"], lines[-1]["id"]) == ("status", made["id"])
    with Path("/dev/full").open("w") as device:
        listed = shell.run("list", stdout=device)
    assert (listed.returncode, "No space left" in listed.stderr) == (1, True)


# Terminals that draw pictures, and how they are told to.
PICTURES = [
    ({"TERM": "xterm-kitty"}, ("\x1b_Ga=T,f=100,q=2,C=1", "\x1b_Ga=d,d=I")),
    ({"TERM_PROGRAM": "iTerm.app"}, ("\x1b]1337;File=inline=1",)),
]


def test_a_terminal_shows_a_bar_and_the_clip(shell, start_worker, hurry):
    start_worker("--model", "scripted")
    terminal = shell.terminal(*SLOW, "--seed", 0x204060, "-o", "out.mp4", "--quote")
    terminal.wait_for(lambda it: "Generate the video?" in it.text)
    assert "1 credit, " in terminal.text
    terminal.type("\r")
    terminal.wait_for(lambda it: "Generating" in it.text and "▀" in it.text)
    hurry()
    assert terminal.end() == 0
    # The engine's only colour, as JPEG keeps it.
    assert "\x1b[38;2;9" in terminal.raw
    assert "Saved out.mp4" in terminal.text.splitlines()[-1]
    without = shell.terminal(*SLOW, "-o", "two.mp4", "--no-preview")
    assert without.end() == 0
    assert "▀" not in without.text
    for number, (variables, marks) in enumerate(PICTURES):
        hurry.over()
        drawing = shell.terminal(*SLOW, "-o", f"drawn-{number}.mp4", **variables)
        drawing.wait_for(lambda it, mark=marks[0]: mark in it.raw)
        hurry()
        assert drawing.end() == 0
        assert all(mark in drawing.raw for mark in marks)


def test_colours_stay_away_where_nobody_wants_them(shell):
    for variables, is_red in ({}, True), ({"NO_COLOR": "1"}, False):
        terminal = shell.terminal("get", "vid_0", **variables)
        assert terminal.end() == 4
        assert ("\x1b[31m" in terminal.raw) == is_red


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [("y\r", State.CANCELED, "Canceled. No credits are charged."), ("\r", State.QUEUED, "continues on the server")],
    ids=["cancel", "go on"],
)
def test_ctrl_c_asks_what_to_do(shell, answer, state, said):
    terminal = shell.terminal(*SLOW)
    terminal.wait_for(lambda it: "Queued" in it.text)
    terminal.type("\x03")
    terminal.wait_for(lambda it: "Otherwise it continues" in it.text)
    terminal.type(answer)
    assert terminal.end() == 130
    assert said in terminal.text
    assert Job.objects.get().state == state
    assert list(shell.folder.glob("*.mp4")) == []


def test_an_interrupted_script_says_how_to_come_back(shell, start_worker, hurry):
    process = shell.start(*SLOW, "-o", "out.mp4")
    job = wait_until(Job.objects.first)
    # It says so once it listens.
    assert process.stderr.readline() == "Queued\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    shell.check(said)
    assert process.returncode == 130
    assert f"mutoscope watch {job.public_id}" in said
    start_worker("--model", "scripted")
    hurry()
    again = shell.run("watch", job.public_id, "-o", "out.mp4")
    assert again.returncode == 0, again.stderr
    assert (shell.folder / "out.mp4").exists()
    wait_for_state(job, State.COMPLETED)


def test_every_failure_has_its_exit_code(shell, live, start_worker):
    start_worker("--model", "scripted")
    detached = shell.run("generate", CAT, "fail_at=2", *SMALL, "--detach")
    assert detached.stdout == f"{Job.objects.get().public_id}\n"
    failed = shell.run("watch", detached.stdout.strip(), "--json")
    assert failed.returncode == 1
    assert json.loads(failed.stdout.splitlines()[-1])["error"]["exit_code"] == 1
    quoted = shell.run("generate", CAT, "x", *SMALL, "--quote", "--json")
    assert (quoted.returncode, json.loads(quoted.stdout)["fits"]) == (0, True)
    assert Job.objects.count() == 1
    for arguments in (
        ("generate", "nowhere.jpg", "x"),
        ("generate", CAT, "x", "--fps", 99),
        ("generate", CAT, "x", "-o", "no/such/folder.mp4"),
        ("generate", CAT, "x", "--metadata", "novalue"),
        ("list", "--no-such-option"),
    ):
        assert shell.run(*arguments).returncode == 2
    assert shell.run("get", "vid_0197f00dcafe7000800000000000beef").returncode == 4
    Wallet.objects.update(balance=0)
    poor = shell.run(*SLOW, "--json")
    assert poor.returncode == 5
    assert json.loads(poor.stdout)["error"]["code"] == "quota_exceeded"
    shell.environment["MUTOSCOPE_API_KEY"] = "mts_0a1b2c_ä"
    assert shell.run("list").returncode == 3
    shell.environment["MUTOSCOPE_API_KEY"] = "mts_0a1b2c_wrong"
    assert shell.run("list").returncode == 3
    shell.environment["MUTOSCOPE_BASE_URL"] = "http://127.0.0.1:1"
    away = shell.run("list", "--json")
    assert (away.returncode, json.loads(away.stdout)["error"]["code"]) == (6, "ConnectionFailed")
    assert "http://127.0.0.1:1 does not respond" in away.stderr


def test_the_exit_codes_are_documented(shell):
    from mutoscope.cli.exit_codes import DESCRIPTIONS

    told = shell.run("--help").stdout
    guide = (Path(__file__).parents[2] / "platform/mutoscope/README.md").read_text()
    for code, meaning in DESCRIPTIONS.items():
        assert f"{code}  {meaning}" in told
        assert f"| {code} | {meaning} |" in guide


def test_an_id_stays_whole_on_a_narrow_terminal():
    session = Session()
    session.out = Console(file=StringIO(), width=60)
    video = "vid_0197f00dcafe7000800000000000beef"
    session.print_table(("video", "prompt"), [(video, "the camera zooms in\nand out again")])
    row = session.out.file.getvalue().splitlines()[1]
    assert row == f"{video}  the camera zooms in a…"


@pytest.mark.parametrize(
    "arguments",
    [
        ("generate", "nowhere.jpg", "x"),
        ("generate", CAT, "x", "--frames", "many"),
        ("list", "-n", 0),
        ("get",),
        ("nix",),
    ],
    ids=["no picture", "no number", "too small", "no video", "no command"],
)
def test_a_program_is_told_of_a_wrong_command_in_json(tmp_path, arguments):
    done = Shell(tmp_path).run(*arguments, "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["exit_code"]) == (2, 2)
    assert error["message"] in done.stderr
    assert Shell(tmp_path).run(*arguments).stdout == ""


def test_a_table_too_wide_for_the_terminal_becomes_blocks():
    session = Session()
    session.out = Console(file=StringIO(), width=40)
    video = "vid_0197f00dcafe7000800000000000beef"
    session.print_table(("video", "status", "prompt"), [(video, "completed", "zoom in"), (video, "queued", "")])
    blocks = session.out.file.getvalue()
    assert blocks == f"video   {video}\nstatus  completed\nprompt  zoom in\n\nvideo   {video}\nstatus  queued\n"
    session.out = Console(file=StringIO(), width=20)
    session.print_table(("whose", "left"), [("team", 1)])
    assert session.out.file.getvalue() == "whose  left\nteam   1\n"


def test_a_server_may_be_named_as_for_other_sdks_and_a_wrong_one_is_named(tmp_path, live, key):
    assert Shell(tmp_path).run("login", "--url", f"{live.url}/v1/", input=f"{key}\n").returncode == 0
    assert Shell(tmp_path).run("whoami").stdout.split()[1] == live.url
    wrong = Shell(tmp_path).run("login", "--url", f"{live.url}/docs", input=f"{key}\n")
    assert f"{live.url}/docs/v1/limits returned " in wrong.stderr
