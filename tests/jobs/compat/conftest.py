"""Portals that SDKs of others connect to over real sockets, plain and encrypted."""

import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.environment import web_environment
from tests.support.ports import own_port
from tests.support.workers import wait_until


@pytest.fixture
def own_media() -> None:
    """Files are stored where the settings say: the portals run for longer than a test and share them."""


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
    own = {
        "SITE_URL": address,
        "LONG_POLLING_ENABLED": "1",
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
            env=web_environment(own),
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
def _plain_portal(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Address of a portal over plain HTTP, which may fetch pictures from wherever they are."""
    allowed = dict.fromkeys(
        ("IMAGE_URL_FETCH_ENABLED", "IMAGE_URL_FETCH_ALLOW_HTTP", "IMAGE_URL_FETCH_ALLOW_LOOPBACK"), "1"
    )
    folder = tmp_path_factory.mktemp("plain")
    with django_db_blocker.unblock(), _live_process(folder, None, **allowed) as address:
        yield address


@pytest.fixture(scope="session")
def _secure_portal(
    django_db_setup: None,
    django_db_blocker: Any,
    tmp_path_factory: pytest.TempPathFactory,
    certificate: tuple[Path, Path],
) -> Any:
    """Address of a portal over HTTPS, as two of the SDKs want it."""
    with django_db_blocker.unblock(), _live_process(tmp_path_factory.mktemp("secure"), certificate) as address:
        yield address


@pytest.fixture
def plain_portal(transactional_db: None, _plain_portal: str) -> str:
    """The URL of a portal over plain HTTP, which may fetch images from any URL."""
    return _plain_portal


@pytest.fixture
def secure_portal(transactional_db: None, _secure_portal: str) -> str:
    """The URL of a portal over HTTPS, which two of the SDKs require."""
    return _secure_portal


@pytest.fixture
def trusted(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDKs believe the certificate: by the variable that httpx reads, as behind a company's own authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))


@pytest.fixture
def camera(start_worker: Callable[..., Any]) -> Any:
    """A worker that makes films."""
    return start_worker()
