"""Objects in S3 or what speaks like it, for deployments whose machines share no disk.

Failures are OSErrors, as a disk's are: whoever waits for a storage that is away need not know which kind it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files import File
from storages.backends.s3 import S3File
from storages.backends.s3 import S3Storage as Boto3Storage

# A server that is frozen must not hold up a web request, nor a worker's retries, for botocore's own minutes.
_CLIENT_OPTIONS = {"connect_timeout": 3, "read_timeout": 10, "retries": {"max_attempts": 2, "mode": "standard"}}


class S3Storage(Boto3Storage):  # type: ignore[misc]
    """A bucket. An object is there with its last byte or not at all: half an upload is never seen."""

    def get_default_settings(self) -> dict[str, Any]:
        # By path, since a server of one's own seldom has a host name a bucket; checksums only where it asks for them.
        own = Config(
            **_CLIENT_OPTIONS,
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            signature_version="s3v4",
        )
        return {**super().get_default_settings(), "client_config": own, "public_endpoint": None}

    def signed_url(self, name: str, *, seconds: int, content_type: str, disposition: str) -> str | None:
        """An address at which anyone gets the object for so long; None where clients do not reach the bucket."""
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
            return str(self._signer.generate_presigned_url("get_object", Params=params, ExpiresIn=seconds))

    @cached_property
    def _signer(self) -> Any:
        """Calls nobody. The host is signed as well: it has to be the one that clients use."""
        return self._create_session().client(
            "s3", region_name=self.region_name, endpoint_url=self.public_endpoint, config=self.client_config
        )

    def _open(self, name: str, mode: str = "rb") -> S3File:
        with _os_errors():
            file = super()._open(name, mode)
            # Fetched now, so that a failure on the way is met here and not by whoever reads.
            _ = file.file
            return file

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
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise OSError(f"S3 failed: {error}") from error
