"""A portal that SDKs of others talk to over real sockets, plain and encrypted; Alice, and Mallory of another team."""

import os
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings
from django.db import connection

from accounts.keys.services import create_api_key
from accounts.models import Team, User
from accounts.teams.services import ensure_personal_team
from jobs.queue.wakeup import redis_client
from tests.support.ports import own_port
from tests.support.workers import wait_until

SAMPLE = Path(settings.ROOT) / "samples" / "cat.jpg"


@dataclass(frozen=True)
class Caller:
    team: Team
    user: User
    key: str


def make_caller(name: str) -> Caller:
    user = User.objects.create_user(f"{name}@example.com")
    team = ensure_personal_team(user=user)
    return Caller(team, user, create_api_key(team=team, creator=user, name="sdk")[1])


@pytest.fixture
def alice(transactional_db: None) -> Caller:
    redis_client().flushdb()  # rate limits and doorbells of an earlier test
    return make_caller("alice")


@pytest.fixture
def mallory(alice: Caller) -> Caller:
    return make_caller("mallory")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, serialization.NoEncryption()))
    return cert_file, key_file


@contextmanager
def _live_process(folder: Path, certificate: tuple[Path, Path] | None, **variables: str) -> Iterator[str]:
    """The process that holds answers, as production runs it; gives its address."""
    port = own_port()
    address = f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
    database = urlsplit(os.environ["DATABASE_URL"])
    root = Path(settings.ROOT)
    environment = {
        **os.environ,
        "DATABASE_URL": urlunsplit(database._replace(path="/" + str(connection.settings_dict["NAME"]))),
        "PYTHONPATH": os.pathsep.join([str(root), str(root / "platform")]),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "SITE_URL": address,
        "REDIS_TIMEOUT_SECONDS": "30",  # see tests/settings.py
        "MODEL_ALIASES": "sora-2=camera,someone/photo-to-film=camera,fal-ai/films/image-to-video=camera",
        **variables,
    }
    command = [sys.executable, "-m", "uvicorn", "portal.asgi:application", "--http", "httptools", "--no-proxy-headers"]
    if certificate:
        command += ["--ssl-certfile", str(certificate[0]), "--ssl-keyfile", str(certificate[1])]
    log = folder / "live.log"
    with log.open("wb") as output:
        process = psutil.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
        )
    verify = ssl.create_default_context(cafile=str(certificate[0])) if certificate else True

    def answers() -> bool:
        try:
            return httpx.get(f"{address}/livez", verify=verify).status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(answers, 180, log.read_text)
        yield address
    finally:
        process.terminate()
        _, alive = psutil.wait_procs([process], timeout=20)
        for left in alive:
            left.kill()


@pytest.fixture(scope="session")
def plain_portal(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Address of a portal over plain HTTP, which may fetch pictures from wherever they are."""
    allowed = dict.fromkeys(
        ("IMAGE_URL_FETCH_ENABLED", "IMAGE_URL_FETCH_ALLOW_HTTP", "IMAGE_URL_FETCH_ALLOW_LOOPBACK"), "1"
    )
    folder = tmp_path_factory.mktemp("plain")
    with django_db_blocker.unblock(), _live_process(folder, None, **allowed) as address:
        yield address


@pytest.fixture(scope="session")
def secure_portal(
    django_db_setup: None,
    django_db_blocker: Any,
    tmp_path_factory: pytest.TempPathFactory,
    certificate: tuple[Path, Path],
) -> Any:
    """Address of a portal over HTTPS, as two of the SDKs want it."""
    with django_db_blocker.unblock(), _live_process(tmp_path_factory.mktemp("secure"), certificate) as address:
        yield address


@pytest.fixture
def trusted(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDKs believe the certificate: by the variable that httpx reads, as behind a company's own authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))


@pytest.fixture
def camera(start_worker: Callable[..., Any]) -> Any:
    """A worker that makes films."""
    return start_worker()
