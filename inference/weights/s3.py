"""A bucket with weights. Keys, region and endpoint are those of the AWS environment: AWS_ACCESS_KEY_ID and so on."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

from inference.errors import EngineMissing
from inference.weights.sources import CHUNK_BYTES, CopySource, RemoteFile, SourceError

SCHEME = "s3://"


class S3Source(CopySource):
    """The objects below `s3://bucket/prefix`."""

    def __init__(self, url: str) -> None:
        try:
            import boto3  # noqa: PLC0415 (belongs to the s3 extra)
            from botocore.config import Config  # noqa: PLC0415
        except ImportError as error:
            raise EngineMissing(
                "Weights cannot be fetched from S3 without the package %(package)s. Install mutoscope[s3].",
                {"package": error.name or str(error)},
            ) from error
        parts = urlsplit(url)
        self._bucket, self._prefix = parts.netloc, f"{parts.path.strip('/')}/".lstrip("/")
        # Path-style URLs: self-hosted servers rarely offer virtual-hosted buckets.
        config = Config(connect_timeout=10, read_timeout=60, s3={"addressing_style": "path"})
        self._etags: dict[str, str] = {}
        with _translate_errors():
            self._client: Any = boto3.client("s3", config=config)

    def list_copies(self) -> dict[str, RemoteFile]:
        files: dict[str, RemoteFile] = {}
        with _translate_errors():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
            for page in pages:
                for entry in page.get("Contents", []):
                    path = entry["Key"].removeprefix(self._prefix)
                    files[path] = RemoteFile(entry["Size"], version=entry["ETag"])
        self._etags = {path: file.version for path, file in files.items()}
        return files

    @contextmanager
    def open(self, path: str, offset: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        with _translate_errors():
            # An object that was replaced since the listing is refused, instead of being joined to the old half.
            options = {"IfMatch": self._etags[path]} | ({"Range": f"bytes={offset}-"} if offset else {})
            response = self._client.get_object(Bucket=self._bucket, Key=f"{self._prefix}{path}", **options)
            with closing(response["Body"]) as body:
                yield offset, body.iter_chunks(CHUNK_BYTES)


@contextmanager
def _translate_errors() -> Iterator[None]:
    from boto3.exceptions import Boto3Error  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        raise SourceError(f"S3: {error}", is_transient=status >= 500) from error
    except (Boto3Error, BotoCoreError) as error:
        raise SourceError(f"S3: {error}", is_transient=True) from error
