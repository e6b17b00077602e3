"""The parser for server-sent events, with chunks of any size."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mutoscope.events import PreviewEvent, parse_event
from mutoscope.sse import Parser, ServerSentEvent

STREAM = (
    "\ufeffretry: 1500\n\n: still here\r\n\r\nid: 3-0\revent: status\rdata: {\r\ndata:}\n\n"
    "data\n\nid: 4\x00\ndata:  ä€\U0001f600\n\nevent: progress\nunknown: x\n\nid\ndata: last\n\ndata: unfinished\n"
).encode()
EXPECTED = [
    ServerSentEvent("3-0", "status", "{\n}"),
    ServerSentEvent("3-0", "message", ""),
    ServerSentEvent("3-0", "message", " ä€\U0001f600"),
    ServerSentEvent("", "message", "last"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_events_do_not_depend_on_the_chunks(cuts: list[int]) -> None:
    parser, messages = Parser(), list[ServerSentEvent]()
    edges = sorted({0, *cuts, len(STREAM)})
    for start, end in pairwise(edges):
        messages += parser.feed(STREAM[start:end])
    assert messages == EXPECTED
    assert parser.retry_seconds == 1.5


def test_unknown_and_malformed_events_are_ignored() -> None:
    body = '{"id":"vid_1","attempt":1,"step":4,"content_type":"image/jpeg","image_base64":"/9j/"}'
    assert parse_event(ServerSentEvent("3-9", "preview", body)) == PreviewEvent(
        "3-9", "vid_1", 1, 4, "image/jpeg", b"\xff\xd8\xff"
    )
    for event, data in (("applause", "{}"), ("status", "{}"), ("status", "no"), ("progress", "[]"), ("status", "null")):
        assert parse_event(ServerSentEvent("1-0", event, data)) is None
