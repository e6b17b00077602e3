"""Python in a new process."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_python(code: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter with the site's settings; an empty value in `changes` removes a variable."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "platform")])
    env = {**os.environ, "PYTHONPATH": paths, "DJANGO_SETTINGS_MODULE": "portal.settings", **changes}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={name: value for name, value in env.items() if value},
        capture_output=True,
        text=True,
        check=False,
    )
