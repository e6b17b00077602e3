"""A check of our own: a request that is repeated with its Idempotency-Key creates nothing new."""

from typing import Any

import requests
import schemathesis


@schemathesis.check
def repeated_request_has_the_same_result(ctx: Any, response: Any, case: Any) -> bool | None:
    """Repeat the request: the response must have the same id. Return True if the check does not apply."""
    key = (case.headers or {}).get("Idempotency-Key")
    if key is None or response.status_code != 202:
        return True
    with requests.Session() as session:
        again = session.send(response.request, timeout=60)
    first = response.json()
    # The second response of /generate may contain the video already.
    name, statuses = ("task_id", {200, 202}) if "task_id" in first else ("id", {202})
    if again.status_code not in statuses or again.json()[name] != first[name]:
        raise AssertionError(f"sent again with the key {key!r}: {again.status_code} {again.text[:300]}")
    return None
