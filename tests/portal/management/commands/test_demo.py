"""What `manage.py demo` keeps between its runs, and what it says."""

from pathlib import Path

import pytest

from accounts.models import ApiKey
from accounts.quota.models import LedgerEntry, Wallet
from portal.embedded.console import Console
from portal.embedded.demo_client import error_message
from portal.management.commands.demo import MIN_BALANCE_CREDITS, TOP_UP_CREDITS, DemoPortal


@pytest.fixture
def demo(tmp_path: Path, settings) -> DemoPortal:
    settings.VAR_DIR = tmp_path
    return DemoPortal(host="127.0.0.1", port=8000, exit_after_video=True)


def test_every_run_uses_the_same_key_and_grants_nothing(demo, db):
    first = demo._ensure_api_key()
    assert demo._ensure_api_key() == first
    assert ApiKey.objects.count() == 1
    assert Wallet.objects.get().balance == LedgerEntry.objects.get().balance_delta == 1000
    assert (demo.folder / "demo" / "key").stat().st_mode & 0o777 == 0o600


def test_a_revoked_key_is_replaced_and_a_low_wallet_filled(demo, db, settings):
    settings.STARTING_CREDITS = MIN_BALANCE_CREDITS - 1
    first = demo._ensure_api_key()
    assert Wallet.objects.get().balance == MIN_BALANCE_CREDITS - 1 + TOP_UP_CREDITS
    ApiKey.objects.get().delete()
    assert demo._ensure_api_key() != first
    assert ApiKey.objects.count() == 1


def test_an_error_of_the_api_is_told_in_its_own_words():
    assert error_message(b'{"error": {"message": "There is no model here.", "code": "x"}}') == "There is no model here."
    assert error_message(b"<html>") == "<html>"


def test_the_log_file_is_set_aside_when_it_has_grown(tmp_path, monkeypatch):
    monkeypatch.setattr("portal.embedded.servers.console._MAX_LOG_BYTES", 100)
    console = Console(tmp_path / "portal.log", quiet=True)
    for number in range(10):
        console.write_line("web", f"line {number} of a log that grows")
    console._file.close()
    assert (tmp_path / "portal.log").stat().st_size < 200
    assert (tmp_path / "portal.old.log").exists()
