"""The application: its commands, and the conversion of errors to a message and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from mutoscope.cli import account, batch, exit_codes, generate, videos
from mutoscope.cli.session import Session, get_session
from mutoscope.errors import ApiError, MutoscopeError
from mutoscope.version import __version__

# \b prevents click from joining these lines.
_EPILOG = "\b\nExit codes:\n" + "\n".join(f"{code:>5}  {meaning}" for code, meaning in exit_codes.DESCRIPTIONS.items())


class CommandGroup(TyperGroup):
    """Prints expected errors as one sentence instead of a traceback."""

    def invoke(self, ctx: Any) -> Any:
        ctx.obj = Session()
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except MutoscopeError as error:
            _report_error(get_session(ctx), error)
            raise typer.Exit(exit_codes.exit_code_for(error)) from None
        except TyperException as error:
            # typer prints the message. The option --json may not have been parsed yet.
            if "--json" in sys.argv:
                _print_json_error(get_session(ctx), error, error.format_message(), exit_codes.USAGE)
            raise
        except (typer.Abort, EOFError, KeyboardInterrupt):
            raise typer.Exit(exit_codes.INTERRUPTED) from None
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            _discard_stdout()
            get_session(ctx).print_message(f"Cannot write the output: {error.strerror}.", style="red")
            raise typer.Exit(exit_codes.FAILED) from None
        return result


def _report_error(session: Session, error: MutoscopeError) -> None:
    session.print_message(str(error), style="red")
    request_id = error.request_id if isinstance(error, ApiError) else None
    if request_id and exit_codes.exit_code_for(error) == exit_codes.UNREACHABLE:
        session.print_message(f"If you report this error, include the request id: {request_id}", style="dim")
    if session.json:
        _print_json_error(session, error, str(error), exit_codes.exit_code_for(error))


def _print_json_error(session: Session, error: Exception, message: str, exit_code: int) -> None:
    code = error.code if isinstance(error, ApiError) else type(error).__name__
    param, request_id = (error.param, error.request_id) if isinstance(error, ApiError) else (None, None)
    body = {"message": message, "code": code, "param": param, "request_id": request_id, "exit_code": exit_code}
    session.print_json({"error": body})


def _discard_stdout() -> None:
    """Redirects stdout to /dev/null. Otherwise Python flushes it again at exit and prints a second error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


app = typer.Typer(
    cls=CommandGroup, name="mutoscope", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"mutoscope {__version__}")
        raise typer.Exit


@app.callback(epilog=_EPILOG)
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Generate short videos from images with a Mutoscope server."""


_COMMANDS: dict[str, Callable[..., None]] = {
    "login": account.login,
    "generate": generate.generate,
    "watch": generate.watch,
    "batch": batch.batch,
    "list": videos.list_,
    "get": videos.get,
    "cancel": videos.cancel,
    "download": videos.download,
    "usage": account.usage,
    "limits": account.limits,
    "models": account.models,
    "whoami": account.whoami,
    "logout": account.logout,
}
for name, command in _COMMANDS.items():
    app.command(name)(command)


def main() -> None:
    # What a console cannot show is escaped. An error here would hide the result of what was paid for.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="mutoscope")
