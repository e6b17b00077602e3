"""The OpenAPI schema is correct: a short, deterministic run of schemathesis. `make fuzz` is the long run."""

from collections.abc import Iterator

import pytest

from tests.schema.run import problems_of, running_portal, schemathesis, stateful
from tests.support.portal_process import Portal

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def portal() -> Iterator[tuple[Portal, str]]:
    with running_portal() as found:
        yield found


def test_schemathesis_finds_nothing(portal: tuple[Portal, str]) -> None:
    done = schemathesis(*portal, examples=4, seed=20, phases="examples,fuzzing")
    done += stateful(*portal, scenarios=4, seed=20)
    assert not done.failed, done.output
    assert done.cases["fuzzing"] > 100
    # Chains, not single requests: the id of a link is used in at least three requests one after another.
    assert done.scenarios >= 4
    assert len(done.links) > 20
    assert max(map(int, done.depths)) >= 3
    assert done.repeats["success"] > 0
    assert problems_of(portal[0]) == []
