"""The ids of events, and the events that a client gets for its last id."""

import uuid
from collections.abc import Iterable

import pytest

from jobs.events.event import Event, EventId, implied_statuses, preview_event, progress_event, stage_of, status_event
from jobs.events.snapshots import EventSequencer, JobSnapshot, parse_last_event_id, replay
from jobs.states import State

JOB = uuid.UUID(int=1)


def snapshot(state: str, attempt: int, steps_done: int = 0) -> JobSnapshot:
    return JobSnapshot(JOB, state, attempt, steps_done, 10, 16, 5, None, "", "", None)


def ids(events: Iterable[Event]) -> list[str]:
    return [str(event.event_id) for event in events]


def test_ids_follow_a_job_through_its_life() -> None:
    states = [
        ("queued", 0),
        ("in_progress", 1),
        ("queued", 1),
        ("in_progress", 2),
        ("completed", 2),
    ]
    assert [stage_of(state, attempt) for state, attempt in states] == [1, 3, 4, 6, 8]
    assert stage_of("canceled", 0) == 2
    steps = [progress_event(JOB, attempt=1, step=step, steps=10).event_id for step in (1, 2)]
    preview = preview_event(JOB, attempt=1, step=1, jpeg=b"x").event_id
    assert EventId(3) < steps[0] < preview < steps[1] < EventId(4)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "3",
        "3-",
        "-1-0",
        "3-0 ",
        "\N{ARABIC-INDIC DIGIT THREE}-\N{ARABIC-INDIC DIGIT ZERO}",
        "9" * 4000 + "-0",
        "3-0\n",
        "0x3-0",
    ],
)
def test_an_invalid_id_is_none(text: str) -> None:
    assert EventId.parse(text) is None


def test_an_id_is_parsed() -> None:
    assert EventId.parse("3-42") == EventId(3, 42)


@pytest.mark.parametrize(
    ("before", "after", "implied"),
    [
        ("1-0", "3-0", []),
        ("1-0", "3-4", ["3-0"]),
        ("1-0", "5-0", ["3-0"]),
        ("3-8", "6-2", ["4-0", "6-0"]),
        ("1-0", "8-0", ["3-0", "4-0", "6-0"]),
        ("1-0", "2-0", []),
        ("3-2", "5-0", []),
    ],
)
def test_missing_statuses_are_implied_by_their_neighbors(before: str, after: str, implied: list[str]) -> None:
    first, last = EventId.parse(before), EventId.parse(after)
    assert first is not None
    assert last is not None
    assert ids(implied_statuses(JOB, first, last)) == implied


def test_no_event_is_repeated_or_out_of_order() -> None:
    sequencer = EventSequencer(JOB, None)
    events = [
        status_event(JOB, state="in_progress", attempt=1),
        progress_event(JOB, attempt=1, step=2, steps=10),
        status_event(JOB, state="in_progress", attempt=1),
        progress_event(JOB, attempt=1, step=1, steps=10),
        status_event(JOB, state="completed", attempt=1),
        progress_event(JOB, attempt=1, step=9, steps=10),
    ]
    assert ids(emitted for event in events for emitted in sequencer.emit(event)) == ["3-0", "3-4", "5-0"]


def test_a_new_client_gets_the_present_state_and_the_latest_event_of_each_kind() -> None:
    logged = [progress_event(JOB, attempt=1, step=step, steps=10) for step in (1, 2, 3)]
    logged[2:2] = [preview_event(JOB, attempt=1, step=2, jpeg=b"x")]
    assert ids(replay(snapshot("in_progress", 1, 1), EventSequencer(JOB, None), logged)) == ["3-0", "3-5", "3-6"]
    assert ids(replay(snapshot("in_progress", 1, 1), EventSequencer(JOB, None), None)) == ["3-0", "3-2"]
    assert ids(replay(snapshot("in_progress", 1, 1), EventSequencer(JOB, None), [])) == ["3-0", "3-2"]


def test_a_returning_client_gets_all_missed_events() -> None:
    logged = [progress_event(JOB, attempt=1, step=step, steps=10) for step in (2, 3)]
    assert ids(replay(snapshot("in_progress", 1, 1), EventSequencer(JOB, EventId(3, 2)), logged)) == ["3-4", "3-6"]
    # Redis has lost its data, and two attempts have finished in the meantime.
    assert ids(replay(snapshot("failed", 3), EventSequencer(JOB, EventId(3, 2)), [])) == [
        "4-0",
        "6-0",
        "7-0",
        "9-0",
        "11-0",
    ]


def test_an_impossible_last_event_id_makes_a_new_client() -> None:
    assert parse_last_event_id(snapshot("in_progress", 1), "4-0") is None
    assert parse_last_event_id(snapshot("in_progress", 1), "3-21") == EventId(3, 21)
    # Such a client would get no events for all ten steps.
    assert parse_last_event_id(snapshot("in_progress", 1), "3-22") is None
    assert parse_last_event_id(snapshot("in_progress", 2), "4-1") is None


def test_an_id_of_another_final_state_makes_a_new_client() -> None:
    assert parse_last_event_id(snapshot("completed", 1), "5-0") == EventId(5)
    assert parse_last_event_id(snapshot("completed", 1), "2-0") is None
    assert parse_last_event_id(snapshot("queued", 1), "2-0") is None


def test_data_is_one_line() -> None:
    event = status_event(JOB, state=State.FAILED, attempt=1, code="x", message="one\ntwo\r\n\u2028three")
    assert event.encoded.decode().splitlines()[2:] == [f"data: {event.data}", ""]
    assert event.data.isprintable()
