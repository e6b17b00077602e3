"""Ends child processes with the process that started them, however it ends."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def parent_death_preexec(death_signal: signal.Signals, *, parent_pid: int) -> Callable[[], None]:
    """Return a function with which a child asks the kernel for `death_signal` when its parent dies.

    Everything is prepared beforehand, so the function may be called between fork and exec. The signal is bound to the
    thread that forked, and a change of user clears it. On systems other than Linux the function does nothing.
    """
    if sys.platform != "linux":
        return lambda: None
    prctl = ctypes.CDLL(None).prctl

    def preexec_fn() -> None:
        prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent_pid:  # the parent died before the line above
            os._exit(1)

    return preexec_fn


def set_parent_death_signal(death_signal: signal.Signals, *, parent_pid: int) -> None:
    """Ask the kernel to send this process `death_signal` when its parent dies."""
    parent_death_preexec(death_signal, parent_pid=parent_pid)()
