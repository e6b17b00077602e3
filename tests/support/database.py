"""A PostgreSQL cluster with migrated databases, kept between runs: the migrations take half a minute of a core.

One database is the template of those of xdist's workers. The other is the site's own, for portals that tests start.
`python -m tests.support.database` makes both in the servers of TEST_SERVERS_DIR.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from portal.embedded.servers import DATABASE, EmbeddedServers, Postgres

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".pytest_cache" / "clusters"


def copy_cluster(folder: Path) -> None:
    """Copy the cluster for the present migrations and models to the servers' `folder`; make it if it is missing."""
    cluster = CACHE / fingerprint()
    if not cluster.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        _make_cluster(cluster)
        for other in CACHE.iterdir():
            if other != cluster:
                shutil.rmtree(other, ignore_errors=True)
    _copy(cluster, folder / Postgres.name)


def fingerprint() -> str:
    """A checksum of the files that decide what a migrated database contains."""
    apps = [path for app in ("accounts", "jobs", "platform") for path in (ROOT / app).rglob("*.py")]
    schema = [path for path in apps if "migrations" in path.parts or "models" in {path.stem, path.parent.name}]
    checksum = hashlib.sha256()
    for path in sorted([*schema, ROOT / "constraints.txt", Path(__file__)]):
        checksum.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return checksum.hexdigest()[:16]


def _make_cluster(cluster: Path) -> None:
    # A short name: it becomes part of the path of Unix sockets.
    with tempfile.TemporaryDirectory(prefix="mts-") as scratch:
        environment = {**os.environ, "TEST_SERVERS_DIR": scratch, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "platform")])
        with EmbeddedServers(Path(scratch), valkey=False, durable=False):
            command = [sys.executable, "-m", __name__]
            subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        # Another run may make the same cluster at the same time.
        partial_copy = cluster.with_name(f"{cluster.name}-{os.getpid()}")
        _copy(Path(scratch, Postgres.name), partial_copy)
        try:
            partial_copy.rename(cluster)
        except OSError:
            shutil.rmtree(partial_copy)


def _copy(source: Path, target: Path) -> None:
    """Copy a folder with its owner, which is not this process' user if that is root."""
    subprocess.run(["cp", "-pR", source, target], check=True)


def _migrate() -> None:
    import django
    from django.db import connection

    django.setup()
    names = connection.settings_dict["TEST"]
    names.update(NAME=names["TEMPLATE"], TEMPLATE=None)
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    connection.close()
    with connection._nodb_cursor() as cursor:  # from outside of both databases
        cursor.execute(f"DROP DATABASE {DATABASE}")
        cursor.execute(f"CREATE DATABASE {DATABASE} TEMPLATE {names['NAME']}")


if __name__ == "__main__":
    _migrate()
