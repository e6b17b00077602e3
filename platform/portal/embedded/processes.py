"""Starting child processes that cannot outlive this one, and finding those of an earlier life."""

import os
import pwd
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from common.parent_death import set_parent_death_signal


def spawn(
    argv: Sequence[str | Path],
    *,
    death_signal: signal.Signals,
    output: IO[bytes] | int,
    user: pwd.struct_passwd | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path = Path("/"),
) -> subprocess.Popen[bytes]:
    """Starts a child in a session of its own; the kernel sends it `death_signal` when this process dies.

    A session of its own, because Ctrl-C reaches the terminal's whole process group: the databases would stop while the
    workers still need them. Call it from the main thread only: the death signal follows the thread that forked.
    """
    return subprocess.Popen(
        [str(word) for word in argv],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=env,
        cwd=cwd,
        start_new_session=True,
        # Runs after the change of user, which would clear the death signal.
        preexec_fn=set_parent_death_signal(death_signal, parent_pid=os.getpid()),  # noqa: PLW1509 (this process has one thread)
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
    )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Ends a spawned child and whatever it started that still lives."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()


def find_processes_in(folder: Path, *, program: str) -> list[psutil.Process]:
    """The processes of a program whose working directory is the folder.

    Both servers change into their data folder, so this finds those of an earlier life without believing a pid file,
    whose number may belong to somebody else by now.
    """
    target = folder.resolve()
    return [
        process
        for process in psutil.process_iter(["name", "cwd"])
        if process.info["name"] == program and process.info["cwd"] and Path(process.info["cwd"]) == target
    ]


def terminate_processes(
    processes: Iterable[psutil.Process], *, signals: Iterable[tuple[signal.Signals, float]]
) -> None:
    """Sends each signal in turn to those that still live, and gives them its seconds to end."""
    alive = list(processes)
    for number, seconds in signals:
        for process in alive:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue
        _gone, alive = psutil.wait_procs(alive, timeout=seconds)
        if not alive:
            return
