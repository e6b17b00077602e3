"""The options of an upstream server: its address, and how to talk to it."""

from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from inference.engines.options import EngineOptions

# A worker has a process of about 100 MB for each of the videos that it sends at once.
MAX_CONCURRENCY = 32


class ServerKind(StrEnum):
    """Which server it is: their `/v1/videos` differ."""

    AUTO = "auto"
    """Ask the server which one it is."""
    MUTOSCOPE = "mutoscope"
    VLLM_OMNI = "vllm-omni"
    SGLANG = "sglang"
    """SGLang, FastVideo and servers that are built on them."""


def _base_url(url: str) -> str:
    parts = urlsplit(url)
    # Reading the port raises ValueError if it is no number.
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError("write an address such as https://gpu.example/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("write scheme, host and path alone, and a key into api_key_file")
    return url.rstrip("/")


class UpstreamOptions(EngineOptions):
    """Where videos are made instead of here.

    url: what `/videos` is appended to. api_key_file: file with the key for the server. upstream_model: the name of the
    model there; by default the server's own. server: which one it is. concurrency: how many videos a worker sends at
    once. poll_seconds: interval between questions about a video.
    """

    url: Annotated[str, AfterValidator(_base_url)]
    api_key_file: str | None = None
    upstream_model: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    server: ServerKind = ServerKind.AUTO
    concurrency: Annotated[int, Field(strict=True, ge=1, le=MAX_CONCURRENCY)] = 1
    poll_seconds: Annotated[float, Field(gt=0, le=60)] = 2.0
