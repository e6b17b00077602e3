"""A relay in front of PostgreSQL that can cut connections, drop the response to a COMMIT, or stop responding.

Each client process has its own listener on a Unix socket in its own folder, so that one worker can be cut off while
the others continue. One thread with an event loop serves all of them.
"""

import asyncio
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from urllib.parse import quote

_CHUNK = 1 << 16
# Longer messages that contain the word are text, not the end of a transaction.
_MAX_COMMIT_BYTES = 120
SOCKET = ".s.PGSQL.5432"


class Line:
    """The connection of one client process to PostgreSQL, and its current faults."""

    def __init__(self, folder: Path, server: Path) -> None:
        self.folder, self.server = folder, server
        self.swallow_commits = 0
        self.swallowed = 0
        self.silent_until = 0.0
        self.refuse_until = 0.0
        self.pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()

    def url(self, database: str) -> str:
        return f"postgres://postgres@/{database}?host={quote(str(self.folder), safe='')}"

    async def serve(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        await asyncio.start_unix_server(self._meet, str(self.folder / SOCKET))

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if time.monotonic() < self.refuse_until:
            writer.close()
            return
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(str(self.server / SOCKET))
        except OSError:
            writer.close()
            return
        pair = (writer, far_writer)
        self.pairs.add(pair)
        lost = asyncio.Event()
        try:
            await asyncio.gather(
                self._relay(reader, far_writer, lost, watch=True), self._relay(far_reader, writer, lost)
            )
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self.pairs.discard(pair)
            for end in pair:
                end.transport.abort()

    async def _relay(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: asyncio.Event, *, watch: bool = False
    ) -> None:
        """Copy one direction. With `watch`, a COMMIT may be marked: its response then ends the connection."""
        try:
            while data := await reader.read(_CHUNK):
                while (silence := self.silent_until - time.monotonic()) > 0:
                    await asyncio.sleep(min(silence, 0.2))
                if watch and self.swallow_commits and len(data) < _MAX_COMMIT_BYTES and b"COMMIT" in data:
                    self.swallow_commits -= 1
                    lost.set()
                elif not watch and lost.is_set():
                    # The server has committed and responded, but the client does not receive the response.
                    self.swallowed += 1
                    raise ConnectionResetError
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    def cut(self) -> None:
        for pair in list(self.pairs):
            for end in pair:
                end.transport.abort()


class Proxies:
    """All lines, served by one thread."""

    def __init__(self, server: Path) -> None:
        self.server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._thread.start()

    def open(self, folder: Path) -> Line:
        line = Line(folder, self.server)
        self._run(line.serve())
        return line

    def cut(self, line: Line) -> None:
        self._loop.call_soon_threadsafe(line.cut)

    def stop(self) -> None:
        self._run(self._end_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _end_all(self) -> None:
        current = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not current]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _run(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)
