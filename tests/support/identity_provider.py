"""A small OpenID Connect provider on loopback: discovery, authorization with PKCE, token, keys and user info."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from portal.settings.oidc import oidc_origins, oidc_providers

CLIENT_ID, CLIENT_SECRET = "mutoscope", "provider-secret"


class IdentityProvider:
    """Signs everybody in as one person without asking. claims: the claims about that person."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {"sub": "42", "email": "nora@example.com", "email_verified": True, "name": "Nora"}
        self.refuses = False
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.granted: dict[str, dict[str, str]] = {}
        self.tokens: set[str] = set()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.respond(self, parse_qs(urlsplit(self.path).query))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                provider.respond(self, parse_qs(body))

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> "IdentityProvider":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def respond(self, request: BaseHTTPRequestHandler, query: dict[str, list[str]]) -> None:
        parameters = {name: values[0] for name, values in query.items()}
        match urlsplit(request.path).path:
            case "/.well-known/openid-configuration":
                self._json(request, self._configuration())
            case "/authorize":
                self._authorize(request, parameters)
            case "/token":
                self._token(request, parameters)
            case "/userinfo":
                known = request.headers.get("Authorization", "").removeprefix("Bearer ") in self.tokens
                self._json(request, self.claims if known else {"error": "invalid_token"}, 200 if known else 401)
            case _:
                self._json(request, {"error": "not found"}, 404)

    def _configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def _authorize(self, request: BaseHTTPRequestHandler, parameters: dict[str, str]) -> None:
        redirect_parameters = {"state": parameters["state"]}
        if self.refuses:
            redirect_parameters["error"] = "access_denied"
        else:
            redirect_parameters["code"] = secrets.token_urlsafe()
            self.granted[redirect_parameters["code"]] = parameters
        request.send_response(302)
        request.send_header("Location", f"{parameters['redirect_uri']}?{urlencode(redirect_parameters)}")
        request.end_headers()

    def _token(self, request: BaseHTTPRequestHandler, parameters: dict[str, str]) -> None:
        authorization = self.granted.pop(parameters["code"], None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(parameters.get("code_verifier", "").encode()).digest())
        if (
            authorization is None
            or authorization["redirect_uri"] != parameters["redirect_uri"]
            or authorization["code_challenge"] != proof.decode().rstrip("=")
            or (parameters["client_id"], parameters["client_secret"]) != (CLIENT_ID, CLIENT_SECRET)
        ):
            self._json(request, {"error": "invalid_grant"}, 400)
            return
        token = secrets.token_urlsafe()
        self.tokens.add(token)
        now = int(time.time())
        claims = {**self.claims, "iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 60}
        signed = jwt.encode(claims, self.key, algorithm="RS256")
        self._json(request, {"access_token": token, "token_type": "Bearer", "id_token": signed})

    def _json(self, request: BaseHTTPRequestHandler, content: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(content).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


@pytest.fixture
def provider(db: None, settings: Any) -> Iterator[IdentityProvider]:
    """The provider of "Reel & Co", with which this site is configured."""
    with IdentityProvider() as running:
        settings.SOCIALACCOUNT_PROVIDERS = oidc_providers(
            issuer=running.url, name="Reel & Co", client_id=CLIENT_ID, secret=CLIENT_SECRET
        )
        settings.OIDC_ISSUER = running.url
        policy = settings.CONTENT_SECURITY_POLICY
        directives = policy["DIRECTIVES"] | {"form-action": ["'self'", *oidc_origins(running.url)]}
        settings.CONTENT_SECURITY_POLICY = policy | {"DIRECTIVES": directives}
        yield running
