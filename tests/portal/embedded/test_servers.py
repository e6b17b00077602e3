"""PostgreSQL and Valkey from wheels: start, stop, and restart after a crash."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from portal.embedded.processes import find_processes_in
from portal.embedded.servers import EmbeddedServers, server_urls, socket_folder

pytestmark = pytest.mark.process

HOLD_SERVERS = """
import sys, time
from pathlib import Path
from portal.embedded.servers import EmbeddedServers
with EmbeddedServers(Path(sys.argv[1])):
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mts-servers-"))
    yield folder
    remaining = servers_of(folder)
    for process in remaining:
        process.kill()
    shutil.rmtree(folder)
    assert not remaining, "a server was still running after its test"


def servers_of(folder: Path) -> list[psutil.Process]:
    return find_processes_in(folder / "postgres", program="postgres") + find_processes_in(
        folder / "valkey", program="valkey-server"
    )


def count_visits(folder: Path) -> tuple[int, int]:
    """Store one visit in both servers; return the number of visits in each."""
    urls = server_urls(folder)
    with psycopg.connect(urls["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS visits (at timestamptz)")
        connection.execute("INSERT INTO visits VALUES (now())")
        row = connection.execute("SELECT count(*) FROM visits").fetchone()
    client = redis.Redis.from_url(urls["REDIS_URL"])
    visits = client.incr("visits")
    client.close()
    assert row
    return row[0], int(str(visits))


def wait_until_ended(processes: list[psutil.Process], seconds: float = 5) -> None:
    _gone, alive = psutil.wait_procs(processes, timeout=seconds)
    assert not alive


def test_servers_start_twice_in_a_row_and_keep_their_data(folder: Path) -> None:
    for visit in (1, 2):
        with EmbeddedServers(folder):
            assert count_visits(folder) == (visit, visit)
        assert servers_of(folder) == []


def test_servers_start_again_after_a_kill_of_everything(folder: Path) -> None:
    servers = EmbeddedServers(folder)
    servers.start()
    assert count_visits(folder)[0] == 1
    killed = servers_of(folder)
    for process in killed:
        process.kill()
    servers.stop()
    # The process id in the stale file may belong to another process by now: here, to this test.
    pid_file = folder / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    with EmbeddedServers(folder):
        assert count_visits(folder)[0] == 2


def test_servers_stop_with_the_process_that_started_them(folder: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_SERVERS, str(folder)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": "platform"},
    )
    with holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"up\n"
        servers = servers_of(folder)
        assert len(servers) >= 2
        holder.kill()

    wait_until_ended(servers)


def test_a_server_of_an_earlier_run_is_stopped_before_the_next_starts(folder: Path) -> None:
    earlier = EmbeddedServers(folder)
    earlier.start()
    before = {process.pid for process in servers_of(folder)}
    with EmbeddedServers(folder):
        assert count_visits(folder) == (1, 1)
        assert not before & {process.pid for process in servers_of(folder)}
    earlier.stop()


def test_sockets_of_a_deep_folder_have_a_short_path(folder: Path) -> None:
    deep = folder / ("very-" * 20 + "deep")
    deep.mkdir()
    with EmbeddedServers(deep):
        assert count_visits(deep) == (1, 1)


def test_servers_are_not_reachable_from_the_network_or_by_other_users(folder: Path) -> None:
    with EmbeddedServers(folder):
        servers = servers_of(folder)
        assert {process.name() for process in servers} == {"postgres", "valkey-server"}
        for process in servers:
            assert process.net_connections(kind="inet") == []
        for name in ("postgres", "valkey"):
            assert stat.S_IMODE((folder / "run" / name).stat().st_mode) == 0o700


def test_servers_do_not_inherit_secrets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "secret-of-the-site")
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "secret-of-the-site")
    with EmbeddedServers(folder):
        for process in servers_of(folder):
            assert "secret-of-the-site" not in process.environ().values()


def test_the_log_contains_no_values(folder: Path) -> None:
    with EmbeddedServers(folder, valkey=False), psycopg.connect(server_urls(folder)["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE links (token text UNIQUE)")
        connection.execute("INSERT INTO links VALUES ('c0ffee')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO links VALUES ('c0ffee')")
    log = (folder / "log" / "postgres.log").read_text()
    assert "links_token_key" in log
    assert "c0ffee" not in log


def test_a_crash_is_detected(folder: Path) -> None:
    with EmbeddedServers(folder, postgres=False) as servers:
        (valkey,) = servers.servers
        assert not valkey.has_crashed()
        for process in servers_of(folder):
            process.send_signal(signal.SIGKILL)
        give_up_at = time.monotonic() + 5
        while not valkey.has_crashed() and time.monotonic() < give_up_at:
            time.sleep(0.01)
        assert valkey.has_crashed()


def test_a_folder_with_a_long_path_leaves_nothing_under_tmp(folder: Path) -> None:
    deep = folder / ("long" * 25)
    with EmbeddedServers(deep, postgres=False, durable=False):
        sockets = socket_folder(deep, "valkey")
        assert not sockets.is_relative_to(folder)
        assert sockets.exists()
    assert not sockets.exists()
