"""Start child processes that end with this one, and find those that an earlier run left."""

import os
import pwd
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from common.parent_death import parent_death_preexec


def spawn(
    argv: Sequence[str | Path],
    *,
    death_signal: signal.Signals,
    output: IO[bytes] | int,
    user: pwd.struct_passwd | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path = Path("/"),
) -> subprocess.Popen[bytes]:
    """Start a child in its own session; the kernel sends it `death_signal` when this process dies.

    It gets its own session because Ctrl-C reaches the terminal's whole process group: the databases would stop while
    the workers still need them. Call it only from the main thread: the death signal is bound to the thread that forked.
    """
    return subprocess.Popen(
        [str(argument) for argument in argv],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=env,
        cwd=cwd,
        start_new_session=True,
        # Runs after the change of user, which would clear the death signal.
        preexec_fn=parent_death_preexec(death_signal, parent_pid=os.getpid()),  # noqa: PLW1509 (this process has one thread)
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
    )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a spawned child and the processes that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()


def find_processes_in(folder: Path, *, program: str) -> list[psutil.Process]:
    """Return the processes of a program whose working directory is the folder.

    Both servers change into their data folder, so this finds those of an earlier run without a pid file, whose number
    may belong to another process by now.
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
    """Send each signal in turn to the processes that still run, and wait its number of seconds for them to exit."""
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
