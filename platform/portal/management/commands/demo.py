"""`manage.py demo`: the portal, a demo account, and a first video made through the public API."""

import io
import os
import secrets
import signal
import subprocess
import sys
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from portal.console import Console
from portal.environment import ROOT, add_arguments, site_url
from portal.processes import spawn
from portal.up import Portal

EMAIL = "demo@example.com"


class DemoPortal(Portal):
    """A portal that keeps its log to itself until the video is made."""

    def __init__(self, *, host: str, port: int, stop_after: bool) -> None:
        super().__init__(host=host, port=port, hushed=True)
        self._stop_after = stop_after
        self._key = ""

    def prepare(self, console: Console) -> None:
        super().prepare(console)
        said = io.StringIO()
        call_command("create_key", email=EMAIL, credits=1000, name="demo", password=self._password(), stdout=said)
        self._key = said.getvalue().strip()
        connections.close_all()

    def welcome(self, console: Console) -> subprocess.Popen[bytes]:
        super().welcome(console)
        model = os.environ.get("MODEL") or settings.DEFAULT_MODEL
        words = [site_url(self.host, self.port), ROOT / "samples" / "cat.jpg", model, self.folder / "demo" / "cat.mp4"]
        return spawn(
            [sys.executable, "-m", "portal.demo", *words],
            death_signal=signal.SIGKILL,
            output=sys.stdout.fileno(),
            env={**os.environ, "MUTOSCOPE_API_KEY": self._key},
        )

    def farewell(self, console: Console, code: int) -> bool:
        if code:
            console.say(f"The end of {console.path}:\n{console.last_lines(60)}")
            return True
        if self._stop_after:
            return True
        console.say(f"  Sign in       {settings.SITE_URL} as {EMAIL}, password {self._password()}")
        console.say(f"  The API       {settings.SITE_URL}/docs\n\nThe portal goes on serving; Ctrl-C ends it.\n")
        console.hushed = False
        return False

    def _password(self) -> str:
        """The demo account's password, drawn once."""
        file = self.folder / "demo" / "password"
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(9))
        return file.read_text()


class Command(BaseCommand):
    help = "Runs the portal, makes a video from a photograph, and goes on serving. DEMO_EXIT=1 stops after the video."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        stop_after = os.environ.get("DEMO_EXIT", "") not in {"", "0"}
        sys.exit(DemoPortal(host=options["host"], port=options["port"], stop_after=stop_after).run())
