"""Fetching from a hub, a bucket and a folder: interrupted, killed, cut off, damaged, and without space."""

import resource
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from inference.errors import FetchFailed, ModelIncomplete, ModelNotFound
from inference.weights.manifest import size_of
from inference.weights.selection import WeightsSelection
from inference.weights.spec import WeightsSpec
from inference.weights.status import State
from inference.weights.store import WeightsStore
from tests.support.hub_server import COMMIT, LARGEST, NEEDED, REPOSITORY, HubServer, write_checkpoint
from tests.support.s3_server import KEYS, S3Server


def starts(hub: HubServer, path: str = LARGEST) -> list[int]:
    """The first bytes that were asked for of a file."""
    return [start for called, start in hub.calls() if called == path]


def test_a_fetch_that_was_killed_goes_on(store: WeightsStore, spec: WeightsSpec, hub: HubServer) -> None:
    hub.behave(pause_after=200_000)
    process = hub.start_fetch(store.folder)
    partial, give_up_at = store.folder / spec.store_path / ".partial" / LARGEST, time.monotonic() + 60
    while size_of(partial) != 200_000:
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert store.status(spec).state is State.INCOMPLETE
    hub.behave()
    hub.forget_calls()
    assert store.fetch(spec).state is State.INSTALLED
    assert starts(hub) == [200_000]
    assert "text_encoder/model.safetensors" not in {path for path, _ in hub.calls()}
    assert store.verify(spec) == []


def test_a_connection_that_breaks_off_goes_on(store: WeightsStore, spec: WeightsSpec, hub: HubServer) -> None:
    hub.behave(cut_after=150_000)
    store.fetch(spec)
    assert starts(hub) == [0, 150_000, 300_000, 450_000]
    assert store.verify(spec) == []


def test_a_server_without_ranges_sends_the_file_again(store: WeightsStore, spec: WeightsSpec, hub: HubServer) -> None:
    partial = store.folder / spec.store_path / ".partial"
    (partial / LARGEST).parent.mkdir(parents=True)
    (partial / LARGEST).write_bytes(b"x" * 1_000)
    (partial / "identity").write_text(COMMIT)
    hub.behave(has_ranges=False)
    store.fetch(spec)
    assert store.verify(spec) == []


def test_a_part_of_other_content_is_dropped(store: WeightsStore, spec: WeightsSpec, hub: HubServer) -> None:
    folder = store.folder / spec.store_path
    (folder / ".partial" / LARGEST).parent.mkdir(parents=True)
    (folder / ".partial" / LARGEST).write_bytes(b"x" * 1_000)
    (folder / ".partial" / "identity").write_text("another commit")
    (folder / "vae").mkdir()
    (folder / "vae" / "config.json").write_text("[]")  # as long as that of the commit
    store.fetch(spec)
    assert starts(hub) == [0]
    assert (folder / "vae" / "config.json").read_text() == "{}"


def test_a_line_without_a_byte_is_given_up(
    store: WeightsStore, spec: WeightsSpec, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.weights.transfer._RETRY_DELAYS_SECONDS", (0.0, 0.0))
    hub.behave(cut_after=0)
    with pytest.raises(ModelNotFound, match="could not be downloaded: "):
        store.fetch(spec)


def test_a_wrong_checksum_is_refused(store: WeightsStore, spec: WeightsSpec, hub: HubServer) -> None:
    hub.behave(corrupt=LARGEST)
    with pytest.raises(FetchFailed, match=f"{LARGEST} arrived with other content"):
        store.fetch(spec)
    assert store.status(spec).state is State.INCOMPLETE
    assert not (store.folder / spec.store_path / LARGEST).exists()
    hub.behave()
    assert store.fetch(spec).is_usable


def test_the_space_is_checked_first(
    store: WeightsStore, spec: WeightsSpec, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(store.folder.parent)._replace(free=100_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(FetchFailed, match=r"a-model needs 0\.6 MB more, but .*/main has 0\.1 MB free\. Make space"):
        store.fetch(spec)
    assert [path for path, _ in hub.calls()] == ["api", "model_index.json"]


def test_a_full_disk_keeps_what_has_arrived(store: WeightsStore, spec: WeightsSpec, hub: HubServer) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limit[1]))
    try:
        with pytest.raises(FetchFailed, match=r"cannot be written: .* make space and repeat"):
            store.fetch(spec)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    hub.forget_calls()
    assert store.fetch(spec).is_usable
    assert 0 < starts(hub)[0] <= 300_000


def test_the_class_is_checked_before_weights_are_fetched(store: WeightsStore, hub: HubServer) -> None:
    with pytest.raises(ModelIncomplete, match="is for WanPipeline, but this engine runs FluxPipeline"):
        store.fetch(WeightsSpec(REPOSITORY, WeightsSelection(("FluxPipeline",))))
    assert [path for path, _ in hub.calls()] == ["api", "model_index.json"]


def test_a_repository_that_does_not_exist_is_named(store: WeightsStore, spec: WeightsSpec) -> None:
    with pytest.raises(ModelNotFound, match=r"someone/another is not a folder .* could not be downloaded: "):
        store.fetch(WeightsSpec("someone/another", spec.selection))


@pytest.fixture(params=["clone", "copy of a store"])
def mirror(request: pytest.FixtureRequest, tmp_path: Path, store: WeightsStore, spec: WeightsSpec) -> Path:
    """A folder that another machine filled: a clone of the repository, or its store."""
    folder = tmp_path / "mirror"
    if request.param == "clone":
        write_checkpoint(folder / REPOSITORY)
    else:
        store.fetch(spec)
        store.folder.rename(folder)
    return folder


def test_a_folder_serves_as_a_mirror(mirror: Path, tmp_path: Path, spec: WeightsSpec) -> None:
    store = WeightsStore(tmp_path / "models", str(mirror))
    status = store.fetch(spec)
    assert status.state is State.INSTALLED
    assert status.manifest is not None
    assert set(status.manifest.files) == set(NEEDED)
    if (mirror / spec.store_path).is_dir():
        assert status.manifest.identity == COMMIT
    assert store.verify(spec) == []


def test_a_damaged_copy_of_a_store_is_refused(tmp_path: Path, store: WeightsStore, spec: WeightsSpec) -> None:
    file = store.fetch(spec).folder / LARGEST
    file.write_bytes(bytes(file.stat().st_size))
    with pytest.raises(FetchFailed, match=f"{LARGEST} arrived with other content"):
        WeightsStore(tmp_path / "other", str(store.folder)).fetch(spec)


def test_a_mirror_without_the_model_is_named(tmp_path: Path, spec: WeightsSpec) -> None:
    with pytest.raises(ModelNotFound, match=f"the mirror {tmp_path} has no {REPOSITORY}"):
        WeightsStore(tmp_path / "models", str(tmp_path)).fetch(spec)


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(tmp_path_factory.mktemp("weed"))
    server.start()
    yield server
    server.kill()
    shutil.rmtree(server.folder, ignore_errors=True)


@pytest.fixture
def upload(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, str], None]:
    """Upload a folder. The environment leads to the server."""
    environment = {**KEYS, "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{s3_server.port}", "AWS_DEFAULT_REGION": "eu"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    client: Any = boto3.client("s3")

    def upload_folder(folder: Path, prefix: str) -> None:
        for path in folder.rglob("*"):
            if path.is_file():
                client.upload_file(str(path), "media", f"{prefix}/{path.relative_to(folder).as_posix()}")

    return upload_folder


def test_weights_in_a_bucket(
    tmp_path: Path, store: WeightsStore, spec: WeightsSpec, hub: HubServer, upload: Callable[[Path, str], None]
) -> None:
    upload(hub.folder / REPOSITORY, "weights/own")
    own = WeightsSpec("s3://media/weights/own", spec.selection)
    partial = store.folder / own.store_path / ".partial" / LARGEST
    status = store.fetch(own)
    assert set(status.manifest.files if status.manifest else ()) == set(NEEDED)
    assert store.verify(own) == []

    # Goes on where it stopped, if the bucket still has the same objects.
    content = (status.folder / LARGEST).read_bytes()
    (status.folder / LARGEST).unlink()
    partial.parent.mkdir(parents=True)
    partial.write_bytes(content[:300_000])
    assert status.manifest is not None
    (partial.parents[1] / "identity").write_text(status.manifest.identity)
    store.fetch(own)
    assert store.verify(own) == []

    # The bucket as a mirror of repositories.
    upload(hub.folder / REPOSITORY, f"mirror/{REPOSITORY}")
    assert WeightsStore(tmp_path / "other", "s3://media/mirror").fetch(spec).state is State.INSTALLED
    with pytest.raises(ModelNotFound, match="could not be downloaded: S3: "):
        store.fetch(WeightsSpec("s3://no-such-bucket/x", spec.selection))
    with pytest.raises(ModelIncomplete, match=r"has no model_index\.json"):
        store.fetch(WeightsSpec("s3://media/nothing", spec.selection))
