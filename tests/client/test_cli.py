"""The command `mutoscope` against a running site, in a terminal and in scripts."""

import json
import signal
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console

from accounts.quota.models import Plan, Wallet
from jobs.models import Job
from jobs.states import State
from mutoscope.api_requests import VideoFrame
from mutoscope.cli import formatting
from mutoscope.cli.generate import _parse_image
from mutoscope.cli.session import Session
from tests.client.conftest import CAT
from tests.client.faulty_proxy import FaultyProxy
from tests.client.shell import Shell
from tests.support.web_processes import LiveProcess
from tests.support.workers import DelaySwitch, wait_for_state, wait_until

pytestmark = pytest.mark.process
OPTIONS = ("--model", "scripted", "--resolution", "256p", "--frames", "8", "--steps", "100")
# 100 steps of 0.6 s, until the test calls `skip_delays`.
SLOW = ("generate", CAT, "delay=0.6", *OPTIONS)


@pytest.fixture(scope="module")
def _live(module_live_process: Callable[..., LiveProcess]) -> LiveProcess:
    return module_live_process(MODELS_ENABLED="camera,scripted")


@pytest.fixture
def live(transactional_db: None, _live: LiveProcess, settings: Any) -> LiveProcess:
    settings.MODELS_ENABLED = ["camera", "scripted"]
    return _live


@pytest.fixture
def shell(tmp_path: Path, live: LiveProcess, key: str) -> Iterator[Shell]:
    folder = tmp_path / "home"
    folder.mkdir()
    with Shell(folder, MUTOSCOPE_BASE_URL=live.url, MUTOSCOPE_API_KEY=key) as shell:
        yield shell


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "gbk"])
def test_results_in_an_encoding_without_some_characters(encoding: str, tmp_path: Path) -> None:
    shell = Shell(tmp_path, PYTHONIOENCODING=encoding)
    sent = "--\N{SNOWMAN}\N{CAT FACE}\u2028"
    result = shell.run("list", "--json", sent)
    assert result.returncode == 2
    assert sent in json.loads(result.stdout)["error"]["message"]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_paid_video_is_printed_in_an_encoding_without_some_characters(
    encoding: str, shell: Shell, start_worker: Callable[..., object]
) -> None:
    start_worker("--model", "scripted")
    shell.environment["PYTHONIOENCODING"] = encoding
    prompt = "steam rises \N{SNOWMAN}\N{CAT FACE}"
    result = shell.run("generate", CAT, prompt, *OPTIONS, "--json", "-o", "out.mp4")
    assert result.returncode == 0, result.stderr
    video = json.loads(result.stdout)
    assert (video["status"], video["prompt"]) == ("completed", prompt)
    assert (shell.folder / "out.mp4").read_bytes()[4:8] == b"ftyp"
    shown = shell.run("get", video["id"])
    assert (shown.returncode, "steam rises \\u2603" in shown.stdout) == (0, True), shown.stderr


def test_login_and_logout(tmp_path: Path, live: LiveProcess, key: str) -> None:
    shell = Shell(tmp_path)
    assert shell.run("whoami").returncode == 3
    refused = shell.run("login", "--url", live.url, input="mts_0a1b2c_wrong\n")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "wrong" not in refused.stderr
    assert list(tmp_path.rglob("login.json")) == []
    login = shell.run("login", "--url", f"{live.url}/", "--json", input=f"{key}\n")
    assert login.returncode == 0, login.stderr
    stored = Path(json.loads(login.stdout)["stored_in"])
    assert (stored.stat().st_mode & 0o777, stored.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    for arguments in (["whoami"], ["whoami", "--json"], ["models"], ["limits"], ["usage", "--by", "model"], ["list"]):
        result = shell.run(*arguments)
        assert result.returncode == 0, result.stderr
        assert key not in login.stdout + result.stdout + result.stderr
    # A stored key is not sent to another server.
    other_server = Shell(tmp_path, MUTOSCOPE_BASE_URL="http://127.0.0.1:1")
    assert other_server.run("list").returncode == 3
    assert shell.run("logout").returncode == 0
    assert not stored.exists()
    assert shell.run("list", "--json").returncode == 3


def test_limits_format_storage_as_text_but_not_in_json(shell: Shell) -> None:
    Plan.objects.update(storage_bytes=2_500_000_000)
    Wallet.objects.update(stored_bytes=52_428_800)
    rows = [line.split() for line in shell.run("limits").stdout.splitlines()]
    assert ["team", "storage", "52.4", "MB", "2.4", "GB"] in rows
    quotas = json.loads(shell.run("limits", "--json").stdout)["quotas"]
    (quota,) = [quota for quota in quotas if "storage" in quota["name"]]
    assert (quota["used"], quota["remaining"]) == (52_428_800, 2_447_571_200)
    Plan.objects.update(storage_bytes=None)
    rows = [line.split() for line in shell.run("limits").stdout.splitlines()]
    assert ["team", "storage", "52.4", "MB", "no", "limit"] in rows


def test_limits_of_the_plan_are_shown_without_their_deprecated_names(shell: Shell) -> None:
    Plan.objects.update(max_pixels=262_144, max_seconds=1.5)
    rows = [line.split() for line in shell.run("limits").stdout.splitlines()]
    assert ["max", "pixels", "262144"] in rows
    assert ["max", "seconds", "1.5"] in rows
    assert not {("max", "resolution"), ("max", "frames")} & {tuple(row[:2]) for row in rows}


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (14_200, "14 kB"), (2_500_000, "2.5 MB"), (1_200_000_000_000, "1.2 TB")]
)
def test_size_uses_a_suitable_unit(count: int, text: str) -> None:
    assert formatting.size(count) == text


def test_generate_over_dropped_connections(
    shell: Shell, live: LiveProcess, start_worker: Callable[..., object], skip_delays: DelaySwitch
) -> None:
    start_worker("--model", "scripted")
    with FaultyProxy(live.port, drop_after_bytes=6000) as proxy:
        shell.environment["MUTOSCOPE_BASE_URL"] = proxy.url
        process = shell.start(*SLOW, "--seed", 7, "--metadata", "order=7", "-o", "out.mp4", "--json")
        wait_until(lambda: proxy.drops >= 1)
        skip_delays()
        stdout, stderr = process.communicate(timeout=300)
        shell.check(stdout + stderr)
    assert process.returncode == 0, stderr
    video = json.loads(stdout)
    assert (video["status"], video["seed"], video["metadata"]) == ("completed", 7, {"order": "7"})
    assert video["file"] == "out.mp4"
    assert (shell.folder / "out.mp4").read_bytes()[4:8] == b"ftyp"
    shell.environment["MUTOSCOPE_BASE_URL"] = live.url
    assert json.loads(shell.run("get", video["id"], "--json").stdout)["id"] == video["id"]
    assert [row["id"] for row in json.loads(shell.run("list", "--json").stdout)["data"]] == [video["id"]]
    saved = shell.run("download", video["id"], "--variant", "spritesheet", "--json")
    assert (shell.folder / json.loads(saved.stdout)["file"]).read_bytes()[:2] == b"\xff\xd8"
    full = shell.run("download", video["id"], "-o", "/dev/full")
    assert (full.returncode, "No space left" in full.stderr) == (1, True)
    lines = [json.loads(line) for line in shell.run("watch", "--json").stdout.splitlines()]
    assert (lines[0]["event"], lines[-1]["id"]) == ("status", video["id"])
    with Path("/dev/full").open("w") as device:
        listed = shell.run("list", stdout=device)
    assert (listed.returncode, "No space left" in listed.stderr) == (1, True)


# Environment of terminals with a graphics protocol, and the escape sequences that are expected there.
GRAPHICS = [
    ({"TERM": "xterm-kitty"}, ("\x1b_Ga=T,f=100,q=2,C=1", "\x1b_Ga=d,d=I")),
    ({"TERM_PROGRAM": "iTerm.app"}, ("\x1b]1337;File=inline=1",)),
]


def test_terminal_shows_a_bar_and_previews(
    shell: Shell, start_worker: Callable[..., object], skip_delays: DelaySwitch
) -> None:
    start_worker("--model", "scripted")
    terminal = shell.terminal(*SLOW, "--seed", 0x204060, "-o", "out.mp4", "--quote")
    terminal.wait_for(lambda terminal: "Generate the video?" in terminal.text)
    assert "1 credit, " in terminal.text
    terminal.type("\r")
    terminal.wait_for(lambda terminal: "Generating" in terminal.text and "▀" in terminal.text)
    skip_delays()
    assert terminal.finish() == 0
    # The single color of the scripted engine's frames after JPEG compression.
    assert "\x1b[38;2;9" in terminal.raw
    assert "Saved out.mp4" in terminal.text.splitlines()[-1]
    without_preview = shell.terminal(*SLOW, "-o", "two.mp4", "--no-preview")
    assert without_preview.finish() == 0
    assert "▀" not in without_preview.text
    for number, (variables, sequences) in enumerate(GRAPHICS):
        skip_delays.restore()
        terminal = shell.terminal(*SLOW, "-o", f"graphics-{number}.mp4", **variables)
        terminal.wait_for(lambda terminal, first=sequences[0]: first in terminal.raw)  # type: ignore[misc]
        skip_delays()
        assert terminal.finish() == 0
        assert all(sequence in terminal.raw for sequence in sequences)


def test_no_color_disables_colors(shell: Shell) -> None:
    variables: dict[str, str]
    for variables, is_red in ({}, True), ({"NO_COLOR": "1"}, False):
        terminal = shell.terminal("get", "vid_0", **variables)
        assert terminal.finish() == 4
        assert ("\x1b[31m" in terminal.raw) == is_red


@pytest.mark.parametrize(
    ("keys", "state", "message"),
    [
        ("y\r", State.CANCELED, "Canceled. No credits are charged."),
        ("\r", State.QUEUED, "continues on the server. To watch it"),
    ],
    ids=["cancel", "continue"],
)
def test_ctrl_c_offers_to_cancel(shell: Shell, keys: str, state: State, message: str) -> None:
    terminal = shell.terminal(*SLOW)
    terminal.wait_for(lambda terminal: "Queued" in terminal.text)
    terminal.type("\x03")
    terminal.wait_for(lambda terminal: "Otherwise it continues" in terminal.text)
    terminal.type(keys)
    assert terminal.finish() == 130
    assert message in terminal.text
    assert Job.objects.get().state == state
    assert list(shell.folder.glob("*.mp4")) == []


def test_interrupted_script_prints_how_to_resume(
    shell: Shell, start_worker: Callable[..., object], skip_delays: DelaySwitch
) -> None:
    process = shell.start(*SLOW, "-o", "out.mp4")
    job = wait_until(Job.objects.first)
    # The command prints this line after it has opened the block that handles KeyboardInterrupt.
    assert process.stderr is not None
    assert process.stderr.readline() == "Queued\n"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=300)
    shell.check(stderr)
    assert process.returncode == 130
    assert f"mutoscope watch {job.public_id}" in stderr
    start_worker("--model", "scripted")
    skip_delays()
    resumed = shell.run("watch", job.public_id, "-o", "out.mp4")
    assert resumed.returncode == 0, resumed.stderr
    assert (shell.folder / "out.mp4").exists()
    wait_for_state(job, State.COMPLETED)


def test_exit_codes_of_errors(shell: Shell, start_worker: Callable[..., object]) -> None:
    start_worker("--model", "scripted")
    detached = shell.run("generate", CAT, "fail_at=2", *OPTIONS, "--detach")
    assert detached.stdout == f"{Job.objects.get().public_id}\n"
    failed = shell.run("watch", detached.stdout.strip(), "--json")
    assert failed.returncode == 1
    error = json.loads(failed.stdout.splitlines()[-1])["error"]
    assert (error["code"], error["exit_code"]) == ("VideoFailed", 1)
    quoted = shell.run("generate", CAT, "x", *OPTIONS, "--quote", "--json")
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
    no_credits = shell.run(*SLOW, "--json")
    assert no_credits.returncode == 5
    assert json.loads(no_credits.stdout)["error"]["code"] == "quota_exceeded"
    shell.environment["MUTOSCOPE_API_KEY"] = "mts_0a1b2c_ä"
    assert shell.run("list").returncode == 3
    shell.environment["MUTOSCOPE_API_KEY"] = "mts_0a1b2c_wrong"
    assert shell.run("list").returncode == 3
    shell.environment["MUTOSCOPE_BASE_URL"] = "http://127.0.0.1:1"
    unreachable = shell.run("list", "--json")
    assert (unreachable.returncode, json.loads(unreachable.stdout)["error"]["code"]) == (6, "ConnectionFailed")
    assert "http://127.0.0.1:1 does not respond" in unreachable.stderr


def test_exit_codes_are_documented(shell: Shell) -> None:
    from mutoscope.cli.exit_codes import DESCRIPTIONS

    help_text = shell.run("--help").stdout
    readme = (Path(__file__).parents[2] / "platform/mutoscope/README.md").read_text()
    for code, description in DESCRIPTIONS.items():
        assert f"{code}  {description}" in help_text
        assert f"| {code} | {description} |" in readme


def print_table(width: int, names: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """Returns what a session prints as a table on a terminal of this width."""
    session, output = Session(), StringIO()
    session.out = Console(file=output, width=width)
    session.print_table(names, rows)
    return output.getvalue()


def test_id_is_not_cut_on_a_narrow_terminal() -> None:
    video = "vid_0197f00dcafe7000800000000000beef"
    table = print_table(60, ("video", "prompt"), [(video, "the camera zooms in\nand out again")])
    assert table.splitlines()[1] == f"{video}  the camera zooms in a…"


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
def test_usage_errors_are_printed_as_json(tmp_path: Path, arguments: tuple[object, ...]) -> None:
    result = Shell(tmp_path).run(*arguments, "--json")
    error = json.loads(result.stdout)["error"]
    assert (result.returncode, error["exit_code"]) == (2, 2)
    assert error["message"] in result.stderr
    assert Shell(tmp_path).run(*arguments).stdout == ""


def test_too_wide_table_is_printed_as_blocks() -> None:
    video = "vid_0197f00dcafe7000800000000000beef"
    blocks = print_table(40, ("video", "status", "prompt"), [(video, "completed", "zoom in"), (video, "queued", "")])
    assert blocks == f"video   {video}\nstatus  completed\nprompt  zoom in\n\nvideo   {video}\nstatus  queued\n"
    assert print_table(20, ("scope", "left"), [("team", 1)]) == "scope  left\nteam   1\n"


def test_login_accepts_a_url_with_v1_and_reports_a_wrong_one(tmp_path: Path, live: LiveProcess, key: str) -> None:
    assert Shell(tmp_path).run("login", "--url", f"{live.url}/v1/", input=f"{key}\n").returncode == 0
    assert Shell(tmp_path).run("whoami").stdout.split()[1] == live.url
    wrong = Shell(tmp_path).run("login", "--url", f"{live.url}/docs", input=f"{key}\n")
    assert f"{live.url}/docs/v1/limits returned " in wrong.stderr


def test_an_image_is_a_file_or_a_frame_of_a_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    video_id = f"vid_{'0a' * 16}"
    assert _parse_image(video_id) == VideoFrame(video_id)
    assert _parse_image(f"{video_id}@1.5") == VideoFrame(video_id, "1.5")
    Path(video_id).touch()
    assert _parse_image(video_id) == Path(video_id)
    for text in ("missing.png", "vid_1", "."):
        with pytest.raises(typer.BadParameter):
            _parse_image(text)
