"""State of `manage.py demo` between its runs, and its messages."""

from pathlib import Path
from typing import Any

import pytest

from accounts.models import ApiKey
from accounts.quota.models import LedgerEntry, Wallet
from portal.embedded.console import Console
from portal.embedded.demo_client import error_message
from portal.management.commands.demo import MIN_BALANCE_CREDITS, TOP_UP_CREDITS, DemoPortal


@pytest.fixture
def demo(tmp_path: Path, settings: Any) -> DemoPortal:
    settings.VAR_DIR = tmp_path
    return DemoPortal(host="127.0.0.1", port=8000, exit_after_video=True)


def test_every_run_uses_the_same_key_and_grants_nothing(demo: DemoPortal, db: None) -> None:
    first = demo._ensure_api_key()
    assert demo._ensure_api_key() == first
    assert ApiKey.objects.count() == 1
    assert Wallet.objects.get().balance == LedgerEntry.objects.get().balance_delta == 1000
    assert (demo.folder / "demo" / "key").stat().st_mode & 0o777 == 0o600


def test_a_revoked_key_is_replaced_and_a_low_wallet_topped_up(demo: DemoPortal, db: None, settings: Any) -> None:
    settings.STARTING_CREDITS = MIN_BALANCE_CREDITS - 1
    first = demo._ensure_api_key()
    assert Wallet.objects.get().balance == MIN_BALANCE_CREDITS - 1 + TOP_UP_CREDITS
    ApiKey.objects.get().delete()
    assert demo._ensure_api_key() != first
    assert ApiKey.objects.count() == 1


def test_the_message_of_an_api_error_is_shown() -> None:
    assert error_message(b'{"error": {"message": "There is no model here.", "code": "x"}}') == "There is no model here."
    assert error_message(b"<html>") == "<html>"


def test_a_large_log_file_is_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.embedded.console._MAX_LOG_BYTES", 100)
    console = Console(tmp_path / "portal.log", quiet=True)
    for number in range(10):
        console.write_line("web", f"line {number} of a log that grows")
    console._file.close()
    assert (tmp_path / "portal.log").stat().st_size < 200
    assert (tmp_path / "portal.old.log").exists()
