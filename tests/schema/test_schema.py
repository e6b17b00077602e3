"""The description is true: a short run of schemathesis, the same each time. `make fuzz` is the long one."""

from collections.abc import Iterator

import pytest

from tests.portal.test_up import Portal
from tests.schema.run import running_portal, schemathesis, troubles_of


@pytest.fixture(scope="module")
def portal() -> Iterator[tuple[Portal, str]]:
    with running_portal() as found:
        yield found


def test_schemathesis_finds_nothing(portal: tuple[Portal, str]) -> None:
    done = schemathesis(*portal, examples=4, seed=20, phases="examples,fuzzing,stateful")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "generated" in done.stdout
    assert troubles_of(portal[0]) == []
