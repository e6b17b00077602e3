"""Children that die with the process that started them, however it dies."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def set_parent_death_signal(death_signal: signal.Signals, *, parent_pid: int) -> Callable[[], None]:
    """What a child calls to be sent `death_signal` by the kernel when its parent dies; elsewhere than on Linux nothing.

    All is prepared before the call, so that it may be made between fork and exec. The signal follows the thread that
    forked, and a change of user clears it.
    """
    if sys.platform != "linux":
        return lambda: None
    prctl = ctypes.CDLL(None).prctl

    def preexec_fn() -> None:
        prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent_pid:  # it died before the line above
            os._exit(1)

    return preexec_fn
