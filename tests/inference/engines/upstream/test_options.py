"""The options of an upstream server."""

import pytest

from inference.engines.upstream.options import ServerKind, UpstreamOptions
from inference.errors import OptionInvalid


def test_defaults() -> None:
    options = UpstreamOptions.parse({"url": "https://gpu.example/v1/"})
    assert options.url == "https://gpu.example/v1"
    assert (options.api_key_file, options.upstream_model) == (None, None)
    assert (options.server, options.poll_seconds) == (ServerKind.AUTO, 2)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "url of the model is invalid: Field required"),
        ({"url": "gpu.example/v1"}, "write an address such as"),
        ({"url": "ftp://gpu.example/v1"}, "write an address such as"),
        ({"url": "https:///v1"}, "write an address such as"),
        ({"url": "https://gpu.example:port/v1"}, "url of the model is invalid: .*Port"),
        ({"url": "https://me:secret@gpu.example/v1"}, "a key into api_key_file"),
        ({"url": "https://gpu.example/v1?key=secret"}, "a key into api_key_file"),
        ({"url": "https://gpu.example", "server": "sora"}, "server"),
        ({"url": "https://gpu.example", "poll_seconds": 0}, "poll_seconds"),
        ({"url": "https://gpu.example", "api_key": "secret"}, "api_key"),
    ],
)
def test_invalid_options(options: dict[str, object], problem: str) -> None:
    with pytest.raises(OptionInvalid, match=problem) as caught:
        UpstreamOptions.parse(options)
    assert "secret" not in caught.value.message
