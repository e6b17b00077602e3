"""`manage.py demo`: runs the portal, creates a demo account, and makes a first video through the public API."""

import io
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from accounts.auth.principals import principal_for_key
from accounts.quota.services import grant
from accounts.roles import Scope
from common.errors import MutoscopeError
from portal.embedded.console import Console
from portal.embedded.environment import ROOT, add_arguments, site_url
from portal.embedded.portal import EmbeddedPortal
from portal.embedded.processes import spawn

EMAIL = "demo@example.com"
MIN_BALANCE_CREDITS, TOP_UP_CREDITS = 200, 1000


class DemoPortal(EmbeddedPortal):
    """A portal that prints no log until the video is made."""

    def __init__(self, *, host: str, port: int, exit_after_video: bool) -> None:
        super().__init__(host=host, port=port, quiet=True)
        self._exit_after_video = exit_after_video
        self._key = ""

    def prepare(self, console: Console) -> None:
        super().prepare(console)
        self._key = self._ensure_api_key()
        connections.close_all()

    def on_ready(self, console: Console) -> subprocess.Popen[bytes]:
        console.message(f"Mutoscope is ready: {settings.SITE_URL}")
        model = os.environ.get("MODEL") or settings.DEFAULT_MODEL
        arguments: list[str | Path] = [
            site_url(self.host, self.port),
            ROOT / "samples" / "cat.jpg",
            model,
            self.folder / "demo" / "cat.mp4",
        ]
        if not self._exit_after_video:
            arguments.append("--keep-serving")
        return spawn(
            [sys.executable, "-m", "portal.embedded.demo_client", *arguments],
            death_signal=signal.SIGKILL,
            output=sys.stdout.fileno(),
            env={**os.environ, "MUTOSCOPE_API_KEY": self._key},
        )

    def on_exit(self, console: Console, code: int) -> bool:
        if code:
            console.message(f"The last lines of {console.path}:\n{console.last_lines(60)}")
            return True
        if self._exit_after_video:
            return True
        console.message(f"  Sign in       {settings.SITE_URL} as {EMAIL}, password {self._password()}")
        console.message(f"  The API       {settings.SITE_URL}/docs")
        self.show_email_folder(console)
        console.message("\nThe portal keeps running. Press Ctrl-C to stop it.\n")
        console.quiet = False
        return False

    def _password(self) -> str:
        """Return the demo account's password, generated once."""
        file = self._file("password")
        return file.read_text() or _write(file, secrets.token_urlsafe(9))

    def _ensure_api_key(self) -> str:
        """Return the demo account's API key; create it if it is missing or revoked, top up a low wallet."""
        file = self._file("key")
        try:
            principal = principal_for_key(file.read_text(), client_ip="127.0.0.1")
            principal.require(Scope.VIDEOS_WRITE)
        except MutoscopeError:
            output = io.StringIO()
            call_command("create_key", email=EMAIL, name="demo", password=self._password(), stdout=output)
            principal = principal_for_key(_write(file, output.getvalue().strip()), client_ip="127.0.0.1")
        if principal.team.wallet.balance < MIN_BALANCE_CREDITS:
            grant(team=principal.team, credits=TOP_UP_CREDITS, reason="granted by the demo")
        return file.read_text()

    def _file(self, name: str) -> Path:
        """Return a file that only its owner can read."""
        file = self.folder / "demo" / name
        file.parent.mkdir(exist_ok=True)
        file.touch(mode=0o600)
        return file


def _write(file: Path, text: str) -> str:
    file.write_text(text)
    return text


class Command(BaseCommand):
    help = "Runs the portal, makes a video from a photograph, and keeps running. DEMO_EXIT=1 stops after the video."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        exit_after_video = os.environ.get("DEMO_EXIT", "") not in {"", "0"}
        sys.exit(DemoPortal(host=options["host"], port=options["port"], exit_after_video=exit_after_video).run())
