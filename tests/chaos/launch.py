"""Starts one of the portal's processes with a modification: a skewed wall clock, or a protection removed.

    CHAOS_SKEW_SECONDS=600 CHAOS_MUTANTS=fence python -m tests.chaos.launch gpuworker --model scripted

The product contains none of this: the patches are applied here, before `manage.py` runs.
"""

import importlib
import os
import sys
import time
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def skew_clock(seconds: float) -> None:
    """Shift this process's wall clock. The monotonic clock stays right, as after a wrong `date --set`."""
    from django.utils import timezone

    true_time, true_now = time.time, timezone.now
    time.time = lambda: true_time() + seconds
    timezone.now = lambda: true_now() + timedelta(seconds=seconds)


def main() -> None:
    sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    import django
    from django.core.management import execute_from_command_line

    if skew := float(os.environ.get("CHAOS_SKEW_SECONDS", "0")):
        skew_clock(skew)
    django.setup()
    for name in filter(None, os.environ.get("CHAOS_MUTANTS", "").split(",")):
        getattr(importlib.import_module("tests.chaos.patches"), name)()
    execute_from_command_line(["manage.py", *sys.argv[1:]])


if __name__ == "__main__":
    main()
