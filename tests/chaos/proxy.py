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


class DatabaseProxy:
    """The connection of one client process to PostgreSQL, and its current faults."""

    def __init__(self, folder: Path, server: Path) -> None:
        self.folder, self.server = folder, server
        self.responses_to_drop = 0
        self.dropped = 0
        self.silent_until = 0.0
        self.refuse_until = 0.0
        self.connections: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()

    def url(self, database: str) -> str:
        return f"postgres://postgres@/{database}?host={quote(str(self.folder), safe='')}"

    async def serve(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        await asyncio.start_unix_server(self._handle_connection, str(self.folder / SOCKET))

    async def _handle_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if time.monotonic() < self.refuse_until:
            writer.close()
            return
        try:
            server_reader, server_writer = await asyncio.open_unix_connection(str(self.server / SOCKET))
        except OSError:
            writer.close()
            return
        connection = (writer, server_writer)
        self.connections.add(connection)
        drop_response = asyncio.Event()
        try:
            await asyncio.gather(
                self._relay(reader, server_writer, drop_response, find_commits=True),
                self._relay(server_reader, writer, drop_response),
            )
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self.connections.discard(connection)
            for end in connection:
                end.transport.abort()

    async def _relay(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        drop_response: asyncio.Event,
        *,
        find_commits: bool = False,
    ) -> None:
        """Copy one direction. With `find_commits`, a COMMIT may be marked: its response then ends the connection."""
        try:
            while data := await reader.read(_CHUNK):
                while (silence := self.silent_until - time.monotonic()) > 0:
                    await asyncio.sleep(min(silence, 0.2))
                if find_commits and self.responses_to_drop and len(data) < _MAX_COMMIT_BYTES and b"COMMIT" in data:
                    self.responses_to_drop -= 1
                    drop_response.set()
                elif not find_commits and drop_response.is_set():
                    # The server has committed and responded, but the client does not receive the response.
                    self.dropped += 1
                    raise ConnectionResetError
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    def cut(self) -> None:
        for connection in list(self.connections):
            for end in connection:
                end.transport.abort()


class ProxyServer:
    """All proxies, served by one thread."""

    def __init__(self, server: Path) -> None:
        self.server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._thread.start()

    def open(self, folder: Path) -> DatabaseProxy:
        proxy = DatabaseProxy(folder, self.server)
        self._run(proxy.serve())
        return proxy

    def cut(self, proxy: DatabaseProxy) -> None:
        self._loop.call_soon_threadsafe(proxy.cut)

    def stop(self) -> None:
        self._run(self._cancel_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _cancel_tasks(self) -> None:
        current = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not current]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _run(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)
