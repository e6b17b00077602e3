"""The client as a wheel in an environment that holds what it declares, and nothing else."""

import os
import subprocess
import sys
from importlib.metadata import PathDistribution, distribution
from pathlib import Path

import pytest
from django.conf import settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CLIENT = Path(settings.ROOT) / "platform" / "mutoscope"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", str(CLIENT)]
    subprocess.run([*command, "--wheel-dir", str(folder)], check=True, timeout=300)
    (found,) = folder.glob("mutoscope_client-*.whl")
    return found


def installed_alone(folder: Path, wheel: Path, extra: str) -> Path:
    """The `bin` of an environment of its own, with the wheel and links to what it declares, and what that declares."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=300)
    site = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    python = str(folder / "bin" / "python")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, str(wheel)], check=True, timeout=300)
    (metadata,) = site.glob("mutoscope_client-*.dist-info")
    waiting, seen = [(text, extra) for text in PathDistribution(metadata).requires or ()], set()
    while waiting:
        text, asked_for = waiting.pop()
        wanted = Requirement(text)
        name = canonicalize_name(wanted.name)
        if name in seen or not (wanted.marker is None or wanted.marker.evaluate({"extra": asked_for})):
            continue
        seen.add(name)
        found = distribution(wanted.name)
        assert found.version in wanted.specifier
        for part in {path.parts[0] for path in found.files or ()} - {"..", "__pycache__"}:
            (site / part).symlink_to(str(found.locate_file(part)))
        waiting += [(further, "") for further in found.requires or ()]
    return folder / "bin"


def run_isolated(*command: object) -> subprocess.CompletedProcess[str]:
    """Neither this checkout nor this environment is in sight."""
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8"}
    return subprocess.run(
        [*map(str, command)], cwd="/", env=clean, capture_output=True, text=True, timeout=300, check=False
    )


def test_the_library_needs_httpx_alone(wheel, tmp_path):
    bin_ = installed_alone(tmp_path / "venv", wheel, extra="")
    code = (
        "import mutoscope, sys; print(mutoscope.__version__, sorted({'django', 'typer', 'rich'} & sys.modules.keys()))"
    )
    assert run_isolated(bin_ / "python", "-c", code).stdout == "0.1.0 []\n"
    without = run_isolated(bin_ / "mutoscope", "list")
    assert (without.returncode, "pip install typer rich pillow" in without.stderr) == (1, True)


def test_the_command_needs_its_extra_alone(wheel, tmp_path):
    bin_ = installed_alone(tmp_path / "venv", wheel, extra="cli")
    assert run_isolated(bin_ / "mutoscope", "--version").stdout == "mutoscope 0.1.0\n"
    assert run_isolated(bin_ / "python", "-m", "mutoscope", "list").returncode == 3
    assert "compdef" in run_isolated("env", "_MUTOSCOPE_COMPLETE=source_zsh", bin_ / "mutoscope").stdout
    code = "import mutoscope.cli.app, sys; print(sorted({'django', 'portal', 'jobs'} & sys.modules.keys()))"
    assert run_isolated(bin_ / "python", "-c", code).stdout == "[]\n"
    site = next(bin_.parent.glob("lib/*/site-packages"))
    assert {path.name for path in site.glob("mutoscope/*") if path.is_file() and path.suffix != ".py"} == {"py.typed"}
