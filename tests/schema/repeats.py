"""A check of our own: what was made under an Idempotency-Key and is sent again is not made again."""

from typing import Any

import requests
import schemathesis


@schemathesis.check
def same_key_same_thing(ctx: Any, response: Any, case: Any) -> bool | None:
    """Sends the very request once more: the same status and the same id have to come back. True: does not apply."""
    key = (case.headers or {}).get("Idempotency-Key")
    if key is None or response.status_code != 202:
        return True
    with requests.Session() as session:
        again = session.send(response.request, timeout=60)
    if again.status_code != 202 or again.json()["id"] != response.json()["id"]:
        raise AssertionError(f"sent again with the key {key!r}: {again.status_code} {again.text[:300]}")
    return None
