"""Storage in S3 or a compatible server, for deployments whose machines share no disk.

Failures are raised as OSError, as with a disk: callers that retry need not know which kind of storage it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from http import HTTPStatus
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files import File
from storages.backends.s3 import S3File
from storages.backends.s3 import S3Storage as Boto3Storage
from storages.utils import clean_name

from mutoscope.proxies import is_loopback

# botocore's own timeouts are minutes: too long for a web request, or a worker's retry, at an unresponsive server.
_CLIENT_OPTIONS = {"connect_timeout": 3, "read_timeout": 10, "retries": {"max_attempts": 2, "mode": "standard"}}


class S3Storage(Boto3Storage):  # type: ignore[misc]
    """A bucket. An object appears once it is complete: a partial upload is never visible."""

    client_config: Config

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if self.endpoint_url and is_loopback(self.endpoint_url):
            # A proxy of the environment would look for the server on its own machine.
            self.client_config = self.client_config.merge(Config(proxies={}))

    def get_default_settings(self) -> dict[str, Any]:
        # Path-style URLs: self-hosted servers rarely offer virtual-hosted buckets. Send checksums only when required.
        client_config = Config(
            **_CLIENT_OPTIONS,
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            signature_version="s3v4",
        )
        return {**super().get_default_settings(), "client_config": client_config, "public_endpoint": None}

    def signed_url(self, name: str, *, max_age_seconds: int, content_type: str, disposition: str) -> str | None:
        """Return a URL with which anyone can get the object for this long; None if clients cannot reach the bucket."""
        if not self.public_endpoint:
            return None
        params = {
            "Bucket": self.bucket_name,
            "Key": name,
            "ResponseContentType": content_type,
            "ResponseContentDisposition": disposition,
            "ResponseCacheControl": "private, no-store",
        }
        with _os_errors():
            return str(self._signer.generate_presigned_url("get_object", Params=params, ExpiresIn=max_age_seconds))

    @cached_property
    def _signer(self) -> Any:
        """A client that only signs. The host is part of the signature: it has to be the one that clients use."""
        return self._create_session().client(
            "s3", region_name=self.region_name, endpoint_url=self.public_endpoint, config=self.client_config
        )

    def _open(self, name: str, mode: str = "rb") -> S3File:
        with _os_errors():
            file = super()._open(name, mode)
            # Fetched now, so that a failure is raised here and not in the reader.
            _ = file.file
            return file

    def read_range(self, name: str, start: int, stop: int) -> bytes:
        """Return the bytes from `start` to before `stop`, without the others, which `open` would fetch too."""
        key = self._normalize_name(clean_name(name))
        with _os_errors():
            response = self.bucket.Object(key).get(Range=f"bytes={start}-{stop - 1}")
            return bytes(response["Body"].read())

    def _save(self, name: str, content: "File[bytes]") -> str:
        with _os_errors():
            return str(super()._save(name, content))

    def delete(self, name: str) -> None:
        with _os_errors():
            super().delete(name)

    def exists(self, name: str) -> bool:
        with _os_errors():
            return bool(super().exists(name))

    def size(self, name: str) -> int:
        with _os_errors():
            return int(super().size(name))

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        with _os_errors():
            folders, files = super().listdir(path)
            return folders, files


@contextmanager
def _os_errors() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
            raise FileNotFoundError(f"S3 has no such object: {error}") from error
        raise OSError(f"S3 failed: {error}") from error
    except (Boto3Error, BotoCoreError) as error:
        raise OSError(f"S3 failed: {error}") from error
