"""The people of the tests of pages."""

from tests.support.pages import (  # noqa: F401 (fixtures are found by their names here)
    _fresh_redis,
    _own_media,
    alice,
    anonymous,
    bob,
    browser,
    charlie,
    make_job,
    member,
    mia,
)
