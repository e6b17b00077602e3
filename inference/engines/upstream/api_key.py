"""The key for an upstream server, which is in a file of the operator."""

from pathlib import Path

from inference.errors import UpstreamDenied


def read_api_key(path: str | None) -> str | None:
    """Return the key, or None if the server needs none. Raises UpstreamDenied.

    It is read for every use, so that the operator can change it any time.
    """
    if path is None:
        return None
    try:
        return Path(path).read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise UpstreamDenied(
            "The key for the upstream server cannot be read: %(reason)s.", {"reason": type(error).__name__}
        ) from error
