"""A hub of models: its list of a repository, its files, and what another program left in its cache."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx

from inference.errors import EngineMissing
from inference.weights.selection import INDEX
from inference.weights.sources import Listing, RemoteFile, Source, SourceError

DEFAULT_REVISION = "main"
_TIMEOUT_SECONDS = 10.0
_READ_TIMEOUT_SECONDS = 60.0


class HubSource(Source):
    """A repository of a hub, by default that of the setting HF_ENDPOINT.

    The files are streamed here: huggingface_hub 2 begins a file again when its process was killed.
    """

    def __init__(self, repository: str, revision: str, endpoint: str = "") -> None:
        try:
            from huggingface_hub import HfApi, get_token  # noqa: PLC0415 (belongs to the gpu extra)
        except ImportError as error:
            raise EngineMissing(
                "Weights cannot be fetched from a hub without the package %(package)s. Install mutoscope[gpu].",
                {"package": error.name or str(error)},
            ) from error
        self._api = HfApi(endpoint=endpoint or None)
        token = get_token()  # HF_TOKEN, for repositories that need one
        self._client = httpx.Client(
            headers={"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {}),
            timeout=httpx.Timeout(_TIMEOUT_SECONDS, read=_READ_TIMEOUT_SECONDS),
            follow_redirects=True,
        )
        self._repository, self._revision = repository, revision

    def close(self) -> None:
        self._client.close()

    def list_files(self) -> Listing:
        try:
            # One request without retries: an unreachable hub is found out within seconds.
            info = self._api.model_info(
                self._repository, revision=self._revision, timeout=_TIMEOUT_SECONDS, files_metadata=True
            )
        except Exception as error:  # the library lets errors of its HTTP library through, which are no OSError
            raise SourceError(str(error)) from error
        # From here on the commit: the branch may get another one during the download.
        self._revision = str(info.sha)
        files = {
            file.rfilename: RemoteFile(file.size or 0, file.lfs.sha256 if file.lfs else None)
            for file in info.siblings or []
        }
        return Listing(self._revision, files)

    @contextmanager
    def open(self, path: str, offset: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        url = f"{self._api.endpoint}/{self._repository}/resolve/{quote(self._revision, safe='')}/{quote(path)}"
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        try:
            with self._client.stream("GET", url, headers=headers) as response:
                if response.is_error:
                    is_transient = response.status_code >= 500 or response.status_code in {408, 429}
                    raise SourceError(f"{url} gave {response.status_code}", is_transient=is_transient)
                start = offset if response.status_code == httpx.codes.PARTIAL_CONTENT else 0
                yield start, response.iter_bytes()  # as they arrive: an interruption keeps them
        except httpx.HTTPError as error:
            raise SourceError(f"{url}: {error or type(error).__name__}", is_transient=True) from error


def find_in_hub_cache(repository: str, revision: str) -> Path | None:
    """Return the folder of a repository that another program downloaded to the hub's cache, or None."""
    try:
        from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415
    except ImportError:
        return None
    index = try_to_load_from_cache(repository, INDEX, revision=revision)
    return Path(index).parent if isinstance(index, str) else None
