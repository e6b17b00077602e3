"""The client for URLs of users: only public IP addresses, verified TLS, no redirects, a limit of the total time."""

import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from common import ssrf
from common.ssrf import ForbiddenIPAddress, TLSError, is_public, safe_client

HOST = "images.example.com"


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "93.184.216.34",
        "2606:4700:4700::1111",
        "2a00:1450:4001:80b::200e",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 (compared, not bound)
        "127.0.0.1",
        "127.8.8.8",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "169.254.169.254",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::808:808",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_all_other_addresses_are_refused(address: str) -> None:
    assert not is_public(ip_address(address))


@contextmanager
def serving(respond: Callable[[socket.socket], None], *, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Run a server on loopback that passes each connection to `respond`; yield its port."""

    def run() -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            try:
                with tls.wrap_socket(connection, server_side=True) if tls else connection as stream:
                    respond(stream)
            except OSError:
                continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def respond_ok(stream: socket.socket) -> None:
    stream.recv(65536)
    stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def get(url: str, *, timeout_seconds: float = 20, **options: Any) -> httpx.Response:
    with safe_client(user_agent="Tests/1", timeout_seconds=timeout_seconds, **options) as client:
        return client.get(url)


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """IP addresses by host name, in place of those of the name server; the number of look-ups is under "count"."""
    names: dict[str, list[str]] = {"count": []}
    original = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *args: Any, **options: Any) -> list[Any]:
        names["count"].append(host)
        return [found for address in names.get(host, [host]) for found in original(address, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return names


def test_a_name_is_resolved_once_and_every_address_is_checked(resolve: dict[str, list[str]]) -> None:
    resolve[HOST] = ["127.0.0.1"]
    with serving(respond_ok) as port:
        assert get(f"http://{HOST}:{port}/", allow_loopback=True).text == "ok"
        assert resolve["count"] == [HOST]
        assert get(f"http://{HOST}:{port}/", allow_private_ips=True).text == "ok"
        with pytest.raises(httpx.ConnectError, match="no public IP address"):
            get(f"http://{HOST}:{port}/")
        for addresses in (["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["fec0::1"], ["100.64.0.1"]):
            resolve[HOST] = addresses
            with pytest.raises(httpx.ConnectError, match="no public IP address"):
                get(f"http://{HOST}:{port}/", allow_loopback=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:10.0.0.1]"])
def test_a_private_ip_address_is_named_as_such(host: str) -> None:
    with pytest.raises(ForbiddenIPAddress):
        get(f"http://{host}:9/")


def test_names_with_a_private_ip_address_are_refused_as_those_that_do_not_exist(resolve: dict[str, list[str]]) -> None:
    resolve["internal.example.com"] = ["10.0.0.1"]
    kinds: set[type[Exception]] = set()
    for host in ("internal.example.com", "localhost", "absent.invalid"):
        with pytest.raises(httpx.HTTPError) as refused:
            get(f"http://{host}:9/")
        kinds.add(refused.type)
    assert kinds == {httpx.ConnectError}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for HOST, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(private + builder.sign(key, hashes.SHA256()).public_bytes(pem))
    return file


def test_tls_verifies_the_host_name_and_not_the_ip_address(
    certificate: Path, resolve: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate)
    server_names: list[str | None] = []
    server.sni_callback = lambda _socket, name, _context: server_names.append(name)
    trusting = ssl.create_default_context(cafile=str(certificate))
    resolve |= {HOST: ["127.0.0.1"], "other.example.com": ["127.0.0.1"]}
    with serving(respond_ok, tls=server) as port:
        with pytest.raises(TLSError):
            get(f"https://{HOST}:{port}/", allow_loopback=True)
        monkeypatch.setattr(ssrf, "_ssl_context", lambda: trusting)
        assert get(f"https://{HOST}:{port}/", allow_loopback=True).text == "ok"
        with pytest.raises(TLSError):
            get(f"https://other.example.com:{port}/", allow_loopback=True)
        with pytest.raises(TLSError):
            get(f"https://127.0.0.1:{port}/", allow_loopback=True)
    assert server_names == [HOST, HOST, "other.example.com", None]


def test_redirects_and_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    def redirect(stream: socket.socket) -> None:
        stream.recv(65536)
        stream.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n")

    with serving(redirect) as port:
        assert get(f"http://127.0.0.1:{port}/", allow_loopback=True).status_code == 302


def test_a_slow_response_ends_with_the_total_time() -> None:
    def send_slowly(stream: socket.socket) -> None:
        stream.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(1000):
            stream.sendall(b"x")
            time.sleep(0.1)

    with serving(send_slowly) as port:
        started = time.monotonic()
        with pytest.raises(httpx.TimeoutException):
            get(f"http://127.0.0.1:{port}/", timeout_seconds=0.5, allow_loopback=True)
        assert time.monotonic() - started < 50


def test_a_request_that_is_not_read_ends_with_the_total_time() -> None:
    done = threading.Event()

    def wait(_stream: socket.socket) -> None:
        done.wait(30)

    with serving(wait) as port:
        url = f"http://127.0.0.1:{port}/"
        options: dict[str, Any] = {"user_agent": "Tests/1", "timeout_seconds": 0.5, "allow_loopback": True}
        try:
            with safe_client(**options) as client, pytest.raises(httpx.TimeoutException):
                client.post(url, content=bytes(50_000_000))
        finally:
            done.set()
