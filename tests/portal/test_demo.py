"""What `manage.py demo` keeps between its runs, and what it says."""

from pathlib import Path

import pytest

from accounts.models import ApiKey
from accounts.quota.models import LedgerEntry, Wallet
from portal.console import Console
from portal.demo import said
from portal.management.commands.demo import LOW_BALANCE, TOP_UP, DemoPortal


@pytest.fixture
def demo(tmp_path: Path, settings) -> DemoPortal:
    settings.VAR_DIR = tmp_path
    return DemoPortal(host="127.0.0.1", port=8000, stop_after=True)


def test_every_run_uses_the_same_key_and_grants_nothing(demo, db):
    first = demo._working_key()
    assert demo._working_key() == first
    assert ApiKey.objects.count() == 1
    assert Wallet.objects.get().balance == LedgerEntry.objects.get().balance_delta == 1000
    assert (demo.folder / "demo" / "key").stat().st_mode & 0o777 == 0o600


def test_a_revoked_key_is_replaced_and_a_low_wallet_filled(demo, db, settings):
    settings.STARTING_CREDITS = LOW_BALANCE - 1
    first = demo._working_key()
    assert Wallet.objects.get().balance == LOW_BALANCE - 1 + TOP_UP
    ApiKey.objects.get().delete()
    assert demo._working_key() != first
    assert ApiKey.objects.count() == 1


def test_an_error_of_the_api_is_told_in_its_own_words():
    assert said(b'{"error": {"message": "There is no model here.", "code": "x"}}') == "There is no model here."
    assert said(b"<html>") == "<html>"


def test_the_log_file_is_set_aside_when_it_has_grown(tmp_path, monkeypatch):
    monkeypatch.setattr("portal.console._LARGEST_LOG_BYTES", 100)
    console = Console(tmp_path / "portal.log", hushed=True)
    for number in range(10):
        console.line("web", f"line {number} of a log that grows")
    console._file.close()
    assert (tmp_path / "portal.log").stat().st_size < 200
    assert (tmp_path / "portal.old.log").exists()
