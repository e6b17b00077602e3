"""A site for benchmarks: real PostgreSQL and Valkey in a temporary folder, and real workers."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

from portal.embedded.servers import EmbeddedServers, server_urls  # noqa: E402 (needs the path above)


@contextmanager
def benchmark_site(**variables: str) -> Iterator[None]:
    """Start the servers, set up Django and create the tables. variables: environment variables. Once per process."""
    with tempfile.TemporaryDirectory(prefix="mts-") as name:
        Path(name).chmod(0o755)  # as root, the database runs as a user of its own
        os.environ.update(
            server_urls(Path(name)),
            SECRET_KEY="benchmark",
            VAR_DIR=name,
            LOG_LEVEL="ERROR",
            MODELS_ENABLED="scripted,camera",
            STARTING_CREDITS="100000000",
            DJANGO_SETTINGS_MODULE="portal.settings",
            **variables,
        )
        with EmbeddedServers(Path(name)):
            import django
            from django.core.management import call_command
            from django.db import connections

            django.setup()
            call_command("migrate", verbosity=0)
            yield
            connections.close_all()


@contextmanager
def worker(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a `manage.py gpuworker` that is ready for jobs."""
    from jobs.models import Worker

    process = subprocess.Popen([sys.executable, "manage.py", "gpuworker", "--device", "cpu", *arguments], cwd=ROOT)
    try:
        while not Worker.objects.filter(state=Worker.State.READY).exists():
            time.sleep(0.02)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def engine_of(process: subprocess.Popen[bytes]) -> psutil.Process:
    """The engine child of a worker."""
    children = psutil.Process(process.pid).children()
    return next(child for child in children if "spawn_main" in " ".join(child.cmdline()))
