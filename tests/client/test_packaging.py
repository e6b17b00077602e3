"""The wheel of the client in an environment with only its declared dependencies."""

import os
import subprocess
import sys
from importlib.metadata import PathDistribution, distribution
from pathlib import Path

import pytest
from django.conf import settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.process

CLIENT = Path(settings.ROOT) / "platform" / "mutoscope"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", str(CLIENT)]
    subprocess.run([*command, "--wheel-dir", str(folder)], check=True, timeout=300)
    (path,) = folder.glob("mutoscope_client-*.whl")
    return path


def create_environment(folder: Path, wheel: Path, extra: str) -> Path:
    """Creates an environment with the wheel and links to its dependencies, and to theirs. Returns its bin folder."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=300)
    site = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    python = str(folder / "bin" / "python")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, str(wheel)], check=True, timeout=300)
    (metadata,) = site.glob("mutoscope_client-*.dist-info")
    pending = [(text, extra) for text in PathDistribution(metadata).requires or ()]
    linked: set[str] = set()
    while pending:
        text, requested_extra = pending.pop()
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        is_needed = requirement.marker is None or requirement.marker.evaluate({"extra": requested_extra})
        if name in linked or not is_needed:
            continue
        linked.add(name)
        installed = distribution(requirement.name)
        assert installed.version in requirement.specifier
        for part in {path.parts[0] for path in installed.files or ()} - {"..", "__pycache__"}:
            (site / part).symlink_to(str(installed.locate_file(part)))
        pending += [(further, "") for further in installed.requires or ()]
    return folder / "bin"


def run_isolated(*command: object) -> subprocess.CompletedProcess[str]:
    """Runs a command that can import neither from this checkout nor from this environment."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8"}
    return subprocess.run(
        [*map(str, command)], cwd="/", env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_library_depends_on_httpx_only(wheel: Path, tmp_path: Path) -> None:
    bin_ = create_environment(tmp_path / "venv", wheel, extra="")
    code = (
        "import mutoscope, sys; print(mutoscope.__version__, sorted({'django', 'typer', 'rich'} & sys.modules.keys()))"
    )
    assert run_isolated(bin_ / "python", "-c", code).stdout == "0.1.0 []\n"
    command = run_isolated(bin_ / "mutoscope", "list")
    assert (command.returncode, "pip install typer rich pillow" in command.stderr) == (1, True)


def test_command_depends_on_its_extra_only(wheel: Path, tmp_path: Path) -> None:
    bin_ = create_environment(tmp_path / "venv", wheel, extra="cli")
    assert run_isolated(bin_ / "mutoscope", "--version").stdout == "mutoscope 0.1.0\n"
    assert run_isolated(bin_ / "python", "-m", "mutoscope", "list").returncode == 3
    assert "compdef" in run_isolated("env", "_MUTOSCOPE_COMPLETE=source_zsh", bin_ / "mutoscope").stdout
    code = "import mutoscope.cli.app, sys; print(sorted({'django', 'portal', 'jobs'} & sys.modules.keys()))"
    assert run_isolated(bin_ / "python", "-c", code).stdout == "[]\n"
    site = next(bin_.parent.glob("lib/*/site-packages"))
    assert {path.name for path in site.glob("mutoscope/*") if path.is_file() and path.suffix != ".py"} == {"py.typed"}
