"""The environment variables of the embedded mode, set before Django reads its settings.

`manage.py up` and `manage.py demo` need no configuration: variables that are not set get a value here, which is written
to `var/embedded.env` for commands that run at the same time.
"""

import argparse
import importlib.util
import os
import secrets
import sys
from pathlib import Path

import pynvml

ROOT = Path(__file__).resolve().parents[3]
# The commands that start their own servers.
COMMANDS = ("up", "demo")
# What other commands need to find the running portal.
_SHARED_VARIABLES = (
    "SECRET_KEY",
    "DATABASE_URL",
    "REDIS_URL",
    "SITE_URL",
    "MODELS_ENABLED",
    "DEFAULT_MODEL",
    "EMBEDDED",
)


def var_dir() -> Path:
    return Path(os.environ.get("VAR_DIR") or ROOT / "var").resolve()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `up` and `demo`."""
    parser.add_argument("--port", type=int, default=_default_port(), help="where to listen (default: PORT, or 8000)")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="IP address to listen on; for access from other machines use 0.0.0.0 and set ALLOWED_HOSTS and SITE_URL",
    )


def prepare(arguments: list[str]) -> None:
    """Set the variables that the environment lacks, for the arguments of `up` or `demo`."""
    from portal.embedded.servers import server_urls  # noqa: PLC0415 (only these two commands need the servers' code)

    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    options, _others = parser.parse_known_args(arguments)
    folder = var_dir()
    models = "i2vgen-xl,camera" if has_gpu() else "camera"
    if (requested_model := os.environ.get("MODEL")) and requested_model not in models.split(","):
        models = f"{requested_model},{models}"
    defaults = {
        **server_urls(folder),
        "SECRET_KEY": _previous_secret_key(folder) or secrets.token_urlsafe(48),
        "SITE_URL": site_url(options.host, options.port),
        "MODELS_ENABLED": models,
        "EMBEDDED": "1",
        "VAR_DIR": str(folder),
    }
    for name, value in defaults.items():
        # An empty variable counts as missing; a secret may come as a file.
        if not os.environ.get(name) and not os.environ.get(f"{name}_FILE"):
            os.environ[name] = value
    # Child processes run from this checkout even if it is not installed.
    paths = [str(ROOT), str(ROOT / "platform"), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))


def write_file(folder: Path) -> None:
    """Write `embedded.env`, readable only by its owner. It is replaced atomically: other commands read it."""
    lines = [f"{name}={os.environ[name]}\n" for name in _SHARED_VARIABLES if name in os.environ]
    draft = folder / "embedded.env.new"
    draft.touch(mode=0o600)
    draft.write_text("".join(lines))
    draft.replace(folder / "embedded.env")


def site_url(host: str, port: int) -> str:
    name = "localhost" if host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else host  # noqa: S104 (compared, not bound)
    return f"http://{name}:{port}"


def startup_hint(error: Exception) -> str | None:
    """Return what to do when a command finds no settings, an invalid one, or no database; None for any other error."""
    cause = error.__cause__
    if "environment variable" in str(error) and cause is not None:
        return (
            f"{error}.\nRun `python manage.py up` first: it starts the servers, and other commands then find them. "
            "To use your own servers, set SECRET_KEY, DATABASE_URL and REDIS_URL."
        )
    if type(error).__name__ == "InvalidSettingError":
        return str(error)
    # Without an SQLSTATE no server responded.
    if type(error).__name__ == "OperationalError" and getattr(cause, "sqlstate", None) is None:
        hint = "Is `python manage.py up` running?" if os.environ.get("EMBEDDED") == "1" else "Check DATABASE_URL."
        return f"The database does not respond. {hint}\n{str(error).strip()}"
    return None


def _default_port() -> int:
    port = os.environ.get("PORT") or "8000"
    if not port.isdecimal() or not 0 < int(port) < 65536:
        sys.exit(f"PORT={port} is not a port. Set it to a number from 1 to 65535.")
    return int(port)


def _previous_secret_key(folder: Path) -> str | None:
    """Return the key of the last start: a new one would invalidate sessions and signed URLs."""
    try:
        lines = (folder / "embedded.env").read_text().splitlines()
    except FileNotFoundError:
        return None
    return next((line.partition("=")[2] for line in lines if line.startswith("SECRET_KEY=")), None)


def has_gpu() -> bool:
    """Return whether the diffusion model can run here, by torch and a GPU, without loading torch."""
    if importlib.util.find_spec("torch") is None:
        return False
    try:
        pynvml.nvmlInit()
        return bool(pynvml.nvmlDeviceGetCount())
    except pynvml.NVMLError:
        return False
