"""Shows progress: bars in a terminal, otherwise one line per new status."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from mutoscope.cli import formatting
from mutoscope.cli.graphics import Preview, graphics_protocol
from mutoscope.cli.session import strip_control_chars
from mutoscope.downloads import OnBytes
from mutoscope.events import Event, PreviewEvent, ProgressEvent
from mutoscope.models import Batch, Video

_REFRESHES_PER_SECOND = 4


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[note]}", style="dim"),
        console=console,
    )


class VideoDisplay:
    """Shows the progress of a video. preview: also shows preview images if the terminal supports them."""

    def __init__(self, console: Console, video: Video, *, preview: bool) -> None:
        self._console = console
        self._bar = _bar(console)
        self._task = self._bar.add_task("", total=100, completed=video.progress, note="")
        protocol = graphics_protocol(console) if preview else None
        self._preview = Preview(protocol) if protocol else None
        renderable = Group(self._preview, self._bar) if self._preview else Group(self._bar)
        self._live = Live(renderable, console=console, refresh_per_second=_REFRESHES_PER_SECOND, transient=True)
        self._show_status(video.status, video.eta_seconds)

    def __enter__(self) -> VideoDisplay:
        if self._console.is_terminal:
            self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()
            if self._preview and (sequence := self._preview.clear_sequence()):
                self._console.file.write(sequence)

    def show(self, event: Event) -> None:
        if isinstance(event, ProgressEvent):
            self._bar.update(self._task, completed=event.progress, note=_time_left(event.eta_seconds))
        elif isinstance(event, PreviewEvent):
            if self._preview:
                self._preview.show(event.image)
        elif not event.is_finished:
            self._show_status(event.status, None)

    def _show_status(self, status: str, eta_seconds: float | None) -> None:
        description = {"queued": "Queued", "in_progress": "Generating"}.get(status, formatting.status_text(status))
        if self._bar.tasks[0].description == description:
            return
        self._bar.update(self._task, description=description, note=_time_left(eta_seconds))
        if status == "queued":
            self._bar.update(self._task, completed=0)
        if not self._console.is_terminal:
            self._console.print(description)


def _time_left(seconds: float | None) -> str:
    return f"about {formatting.duration(seconds)} left" if seconds else ""


class BatchDisplay:
    """Shows the progress of a batch."""

    def __init__(self, console: Console, batch: Batch) -> None:
        self._console = console
        self._bar = _bar(console)
        self._task = self._bar.add_task("", total=100, note="")
        self._last_text = ""
        self.show(batch)

    def __enter__(self) -> BatchDisplay:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def show(self, batch: Batch) -> None:
        text = describe_counts(batch)
        self._bar.update(self._task, description=text, completed=batch.progress, note=_time_left(batch.eta_seconds))
        if text != self._last_text and not self._console.is_terminal:
            self._console.print(text)
        self._last_text = text


def describe_counts(batch: Batch) -> str:
    """Formats the counts of a batch: `12 videos: 4 completed, 1 in progress, 7 queued`."""
    # `not_taken` is the former name of `pending`.
    names = [name for name, count in batch.counts.items() if count and name != "not_taken"]
    names.sort(key=lambda name: name != "completed")
    parts = ", ".join(f"{batch.counts[name]} {formatting.status_text(name)}" for name in names)
    return f"{batch.total} {'video' if batch.total == 1 else 'videos'}: {parts}"


@contextmanager
def download_progress(console: Console, name: str) -> Iterator[OnBytes | None]:
    """Shows a bar and returns the callback for `on_bytes`; None without a terminal."""
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"Saving {strip_control_chars(name)}", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
