"""The store: fetched once, found without a network, verified, repaired, removed, and shared by processes."""

import json
import os
from pathlib import Path
from threading import Thread

import pytest
from huggingface_hub import constants

from inference.errors import FetchFailed, ModelIncomplete, ModelNotFound
from inference.weights.manifest import MANIFEST, Manifest
from inference.weights.selection import WeightsSelection
from inference.weights.spec import WeightsSpec
from inference.weights.status import State
from inference.weights.store import WeightsStore
from tests.support.hub import add_to_cache
from tests.support.hub_server import COMMIT, LARGEST, NEEDED, REPOSITORY, HubServer, write_checkpoint

NOWHERE = "http://127.0.0.1:9"


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


class Progress:
    """Counts."""

    def __init__(self) -> None:
        self.total = self.present = self.arrived = self.waited = 0

    def wait(self) -> None:
        self.waited += 1

    def start(self, total_bytes: int, present_bytes: int) -> None:
        self.total, self.present = total_bytes, present_bytes

    def advance(self, count: int) -> None:
        self.arrived += count


def test_only_what_is_read_is_fetched_and_recorded(store: WeightsStore, spec: WeightsSpec, hub: HubServer) -> None:
    assert store.status(spec).state is State.MISSING
    progress = Progress()
    status = store.fetch(spec, progress)
    assert (status.state, status.folder) == (State.INSTALLED, store.folder / "someone" / "a-model" / "main")
    assert files_in(status.folder) == {*NEEDED, MANIFEST}
    manifest = Manifest.read(status.folder)
    assert manifest is not None
    assert (manifest.source, manifest.revision, manifest.identity) == (REPOSITORY, "main", COMMIT)
    assert set(manifest.files) == set(NEEDED)
    assert len(manifest.files[LARGEST].sha256) == 64
    assert status.size_bytes == progress.total == progress.arrived == sum(e.size for e in manifest.files.values())
    assert store.installed() == [manifest]
    source = hub.folder / REPOSITORY
    assert all((status.folder / path).read_bytes() == (source / path).read_bytes() for path in NEEDED)


def test_what_is_installed_is_found_without_a_network(store: WeightsStore, spec: WeightsSpec, hub: HubServer) -> None:
    folder = store.fetch(spec).folder
    hub.forget_calls()
    assert store.find_or_fetch(spec) == folder
    assert hub.calls() == []
    assert WeightsStore(store.folder, NOWHERE).find_or_fetch(spec) == folder


def test_a_revision_is_pinned(store: WeightsStore, spec: WeightsSpec) -> None:
    pinned = WeightsSpec(f"{REPOSITORY}@v1", spec.selection)
    status = store.fetch(pinned)
    assert status.manifest is not None
    assert (status.manifest.revision, status.manifest.identity) == ("v1", COMMIT)
    assert store.status(spec).state is State.MISSING
    with pytest.raises(ModelNotFound, match="could not be downloaded: "):
        store.fetch(WeightsSpec(f"{REPOSITORY}@v2", spec.selection))


def test_a_wider_selection_fetches_the_rest(store: WeightsStore, spec: WeightsSpec, hub: HubServer) -> None:
    narrow = WeightsSpec(spec.source, WeightsSelection(spec.selection.pipelines, replaced=frozenset({"transformer"})))
    store.fetch(narrow)
    assert (store.status(narrow).state, store.status(spec).state) == (State.INSTALLED, State.INCOMPLETE)
    hub.forget_calls()
    store.fetch(spec)
    assert {path for path, _ in hub.calls()} == {
        "api", "model_index.json", *(path for path in NEEDED if path.startswith("transformer/d")),
    }  # fmt: skip
    assert store.status(narrow).state is store.status(spec).state is State.INSTALLED


def test_an_unreachable_hub_is_found_out_at_once(tmp_path: Path, spec: WeightsSpec) -> None:
    with pytest.raises(ModelNotFound, match=r"could not be downloaded: .* Check the connection to the hub"):
        WeightsStore(tmp_path, NOWHERE).find_or_fetch(spec)
    assert not (tmp_path / spec.store_path).exists()


def test_offline_use_is_respected(store: WeightsStore, spec: WeightsSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelNotFound, match=r"`HF_HUB_OFFLINE` environment variable\. Check the connection"):
        store.fetch(spec)


def test_the_hub_of_the_environment_is_used_without_a_mirror(
    tmp_path: Path, spec: WeightsSpec, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    assert WeightsStore(tmp_path).fetch(spec).is_usable


def test_a_download_of_another_program_is_used_in_place(tmp_path: Path, store: WeightsStore, spec: WeightsSpec) -> None:
    write_checkpoint(tmp_path / "checkpoint")
    snapshot = add_to_cache(tmp_path / "cache" / "models--someone--a-model", tmp_path / "checkpoint")
    status = store.status(spec)
    assert (status.state, status.folder) == (State.IN_PLACE, snapshot)
    assert WeightsStore(store.folder, NOWHERE).find_or_fetch(spec) == snapshot
    with pytest.raises(ModelNotFound, match="not fetched by Mutoscope"):
        store.remove(spec)
    with pytest.raises(ModelIncomplete, match="no checksums"):
        store.verify(spec)
    (snapshot / LARGEST).unlink()
    assert store.find_or_fetch(spec) == store.folder / spec.store_path


@pytest.mark.parametrize("size", [None, 100])
def test_a_missing_or_truncated_file_is_fetched_again(
    size: int | None, store: WeightsStore, spec: WeightsSpec, hub: HubServer
) -> None:
    folder = store.fetch(spec).folder
    if size is None:
        (folder / LARGEST).unlink()
    else:
        os.truncate(folder / LARGEST, size)
    assert store.status(spec).state is State.INCOMPLETE
    with pytest.raises(ModelNotFound, match="could not be downloaded"):
        WeightsStore(store.folder, NOWHERE).find_or_fetch(spec)
    hub.forget_calls()
    assert store.find_or_fetch(spec) == folder
    assert [path for path, _ in hub.calls()] == ["api", "model_index.json", LARGEST]
    assert store.verify(spec) == []


def test_other_content_of_the_same_size_is_found_by_verify_and_repaired(store: WeightsStore, spec: WeightsSpec) -> None:
    status = store.fetch(spec)
    content = (status.folder / LARGEST).read_bytes()
    assert status.manifest is not None
    assert store.verify(spec) == []
    verified = store.status(spec).manifest
    assert verified is not None
    assert verified.verified_at > status.manifest.verified_at
    (status.folder / LARGEST).write_bytes(bytes(len(content)))
    assert store.status(spec).state is State.INSTALLED
    assert store.verify(spec) == [LARGEST]
    store.fetch(spec)
    assert store.verify(spec) == [LARGEST]
    store.fetch(spec, repair=True)
    assert store.verify(spec) == []
    assert (status.folder / LARGEST).read_bytes() == content


def test_what_is_removed_is_gone(store: WeightsStore, spec: WeightsSpec) -> None:
    size = store.fetch(spec).size_bytes
    assert store.remove(spec) > size
    assert store.status(spec).state is State.MISSING
    assert store.installed() == []
    for action in (store.remove, store.verify):
        with pytest.raises(ModelNotFound, match="not installed"):
            action(spec)


def test_a_folder_is_checked_and_left_alone(tmp_path: Path, store: WeightsStore, spec: WeightsSpec) -> None:
    folder = tmp_path / "own"
    write_checkpoint(folder)
    own = WeightsSpec(str(folder), spec.selection)
    before = files_in(folder)
    assert store.find_or_fetch(own) == store.fetch(own).folder == folder
    assert (store.status(own).state, files_in(folder)) == (State.IN_PLACE, before)
    with pytest.raises(ModelNotFound, match="not fetched by Mutoscope"):
        store.remove(own)
    (folder / "vae").rename(tmp_path / "shared-vae")
    (folder / "vae").symlink_to(tmp_path / "shared-vae", target_is_directory=True)
    assert store.find_or_fetch(own) == folder
    (folder / "vae" / "config.json").unlink()
    with pytest.raises(ModelIncomplete, match=r"has no vae/config\.json"):
        store.find_or_fetch(own)
    assert store.status(own).state is State.INCOMPLETE
    missing = WeightsSpec(str(tmp_path / "none"), spec.selection)
    assert store.status(missing).state is State.MISSING
    with pytest.raises(ModelNotFound, match="neither a folder"):
        store.find_or_fetch(missing)


def test_a_copy_of_a_store_is_checked_by_its_manifest(tmp_path: Path, store: WeightsStore, spec: WeightsSpec) -> None:
    copy = store.fetch(spec).folder.rename(tmp_path / "copy")
    own = WeightsSpec(str(copy), spec.selection)
    assert store.verify(own) == []
    os.truncate(copy / LARGEST, 100)
    with pytest.raises(ModelIncomplete, match="is truncated"):
        store.find_or_fetch(own)


def test_a_manifest_that_cannot_be_read_counts_as_none(store: WeightsStore, spec: WeightsSpec) -> None:
    folder = store.fetch(spec).folder
    (folder / MANIFEST).write_text(json.dumps({"source": REPOSITORY}))
    assert store.status(spec).state is State.INCOMPLETE
    assert store.fetch(spec).is_usable


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path, spec: WeightsSpec, hub: HubServer) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FetchFailed, match=r"cannot be written to .*/file/someone/a-model/main: "):
        WeightsStore(tmp_path / "file", hub.url).fetch(spec)


def test_two_processes_fetch_once(store: WeightsStore, spec: WeightsSpec, hub: HubServer) -> None:
    hub.behave(delay=0.05)
    other = hub.start_fetch(store.folder)
    progress = [Progress() for _ in range(2)]
    threads = [Thread(target=store.fetch, args=(spec, each)) for each in progress]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert other.wait(60) == 0
    assert [each.waited for each in progress] != [0, 0]
    fetched = [path for path, _ in hub.calls() if path not in {"api", "model_index.json"}]
    assert sorted(fetched) == sorted(set(NEEDED) - {"model_index.json"})
    assert store.verify(spec) == []
