"""The faults, by name. Each breaks something immediately and registers later repairs with the injector."""

import resource
import shutil
import signal
import time
from collections.abc import Callable

import psutil

from portal.embedded.servers import Server
from tests.chaos.injector import Fault, Injector, restart
from tests.chaos.processes import Process
from tests.chaos.wakeups import wakeups_doubled, wakeups_forged, wakeups_lost
from tests.chaos.world import LEASE_TIMEOUT_SECONDS


def kill_worker(injector: Injector) -> str:
    worker = injector.random_worker()
    injector.note_held(worker)
    worker.kill()
    return worker.name


def kill_engine(injector: Injector) -> str | None:
    worker = injector.random_worker()
    engine = worker.engine()
    if engine is None:
        return None
    engine.kill()
    return worker.name


def kill_both(injector: Injector) -> str:
    worker = injector.random_worker()
    injector.note_held(worker)
    if (engine := worker.engine()) is not None:
        engine.kill()
    worker.kill()
    return worker.name


def _kill(name: str) -> Callable[[Injector], str]:
    def kill(injector: Injector) -> str:
        names = [known for known in injector.world.processes if known.startswith(name)]
        chosen = injector.rng.choice(names)
        injector.world.processes[chosen].kill()
        return chosen

    return kill


def _freeze(*, child_too: bool) -> Callable[[Injector], str | None]:
    """Send SIGSTOP for longer than the lease, then SIGCONT: the worker resumes as a zombie."""

    def freeze(injector: Injector) -> str | None:
        worker = injector.random_worker()
        if worker.frozen or not worker.alive:
            return None
        seconds = LEASE_TIMEOUT_SECONDS + injector.rng.uniform(1, 2.5)
        engine = worker.engine() if child_too else None
        worker.freeze(seconds)
        if engine is not None:
            _quietly(engine.suspend)

        def thaw() -> None:
            if engine is not None:
                _quietly(engine.resume)
            worker.thaw()

        injector.later(seconds, f"frozen {worker.name}", thaw)
        return worker.name

    return freeze


def _quietly(action: Callable[[], None]) -> None:
    try:
        action()
    except psutil.Error:
        return


def sigterm_storm(injector: Injector) -> str:
    """Send SIGTERM to all workers repeatedly."""

    def stop_all() -> None:
        for worker in injector.world.workers:
            worker.send(signal.SIGTERM)

    for pause in (0, 0.2, 0.5):
        injector.later(pause, "storm", stop_all)
    return "all workers"


def valkey_killed(injector: Injector) -> str | None:
    """Kill Valkey and delete its data."""
    valkey = injector.world.valkey
    if injector.is_broken("valkey"):
        return None
    injector.world.lost_servers.add(valkey.name)
    _send(valkey, signal.SIGKILL)
    shutil.rmtree(valkey.data, ignore_errors=True)

    def restore() -> None:
        injector.world.lost_servers.discard(valkey.name)
        restart(valkey)

    injector.later(injector.rng.uniform(0.5, 3), "valkey", restore)
    return valkey.name


def valkey_frozen(injector: Injector) -> str | None:
    valkey = injector.world.valkey
    if injector.is_broken("valkey"):
        return None
    _send(valkey, signal.SIGSTOP)
    injector.later(injector.rng.uniform(1, 4), "valkey", lambda: _send(valkey, signal.SIGCONT))
    return valkey.name


def _send(server: Server, number: signal.Signals) -> None:
    if server._process is not None:
        server._process.send_signal(number)


def postgres_immediate(injector: Injector) -> str:
    """Do what `pg_ctl stop -m immediate` does: every session is cut, and the next start replays the log."""
    return _postgres(injector, signal.SIGQUIT)


def postgres_killed(injector: Injector) -> str:
    return _postgres(injector, signal.SIGKILL)


def _postgres(injector: Injector, number: signal.Signals) -> str:
    postgres = injector.world.postgres
    _send(postgres, number)
    if postgres._process is not None:
        postgres._process.wait()
    time.sleep(injector.rng.uniform(0, 1))
    restart(postgres)
    return postgres.name


def _random_proxy(injector: Injector) -> str:
    return injector.rng.choice(list(injector.world.proxies))


def connections_cut(injector: Injector) -> str:
    for proxy in injector.world.proxies.values():
        injector.world.proxy_server.cut(proxy)
    return "all proxies"


def commit_response_lost(injector: Injector) -> str:
    """Execute the next COMMIT of a process, but drop the response."""
    name = _random_proxy(injector)
    injector.world.proxies[name].responses_to_drop += 1
    return name


def commit_response_lost_by_web(injector: Injector) -> str:
    injector.world.proxies["web"].responses_to_drop += 1
    return "web"


def _partition(*, silent: bool) -> Callable[[Injector], str]:
    """Cut one worker off from the database for longer than its lease: refused, or without a response."""

    def partition(injector: Injector) -> str:
        worker = injector.random_worker()
        proxy = injector.world.proxies[worker.name]
        until = time.monotonic() + LEASE_TIMEOUT_SECONDS + injector.rng.uniform(1, 3)
        if silent:
            proxy.silent_until = until
        else:
            proxy.refuse_until = until
            injector.world.proxy_server.cut(proxy)
        return worker.name

    return partition


def disk_full(injector: Injector) -> str | None:
    """Keep the workers and the web process from writing to files (RLIMIT_FSIZE needs neither root nor a real disk).

    A limit of some hundred bytes leaves half-written objects first.
    """
    if injector.is_broken("disk"):
        return None
    limit = injector.rng.choice([0, 700])
    targets = [*injector.world.workers, injector.world.processes["web"]]
    _limit_files(targets, limit)
    injector.later(injector.rng.uniform(1, 4), "disk", lambda: _limit_files(targets, resource.RLIM_INFINITY))
    return "workers and web"


def _limit_files(targets: list[Process], size: int) -> None:
    for target in targets:
        engine = target.engine()
        for pid in (target.pid, engine.pid if engine else 0):
            if pid:
                try:
                    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
                except (ProcessLookupError, PermissionError):
                    continue


def storage_unavailable(injector: Injector) -> str | None:
    """Replace the media folder by a file, since modes do not stop root."""
    if injector.is_broken("storage"):
        return None
    media, moved_media = injector.world.media, injector.world.folder / "media-aside"
    media.rename(moved_media)
    media.write_text("a file where a folder should be")

    def restore() -> None:
        media.unlink()
        moved_media.rename(media)

    # Sometimes longer than a worker retries.
    injector.later(injector.rng.uniform(1, 9), "storage", restore)
    return "media"


FAULTS: dict[str, Fault] = {
    "kill worker": kill_worker,
    "kill engine": kill_engine,
    "kill worker and engine": kill_both,
    "kill reconciler": _kill("rec"),
    "kill web": _kill("web"),
    "kill maintenance worker": _kill("maintenance"),
    "zombie": _freeze(child_too=True),
    "zombie parent": _freeze(child_too=False),
    "SIGTERM storm": sigterm_storm,
    "Valkey killed with its data": valkey_killed,
    "Valkey frozen": valkey_frozen,
    "Postgres stopped at once": postgres_immediate,
    "Postgres killed": postgres_killed,
    "connections cut": connections_cut,
    "response to COMMIT lost": commit_response_lost,
    "response to COMMIT lost (web)": commit_response_lost_by_web,
    "worker cut off": _partition(silent=False),
    "worker without a response": _partition(silent=True),
    "wake-ups lost": wakeups_lost,
    "wake-ups doubled": wakeups_doubled,
    "wake-ups forged": wakeups_forged,
    "disk full": disk_full,
    "storage unavailable": storage_unavailable,
}
# How often each fault comes in one round: 16 kills, 21 others.
FAULT_COUNTS = {
    **dict.fromkeys(FAULTS, 1),
    "kill worker": 4,
    "kill engine": 4,
    "kill worker and engine": 2,
    "kill reconciler": 2,
    "kill web": 3,
    "response to COMMIT lost": 3,
    "response to COMMIT lost (web)": 2,
}
