"""Commands of an account: login, logout, whoami, usage, limits, models."""

from __future__ import annotations

import os
import sys
from typing import Annotated
from urllib.parse import urlsplit

import typer

from mutoscope.cli import formatting
from mutoscope.cli.credentials import (
    KEY_VARIABLE,
    URL_VARIABLE,
    Credentials,
    current_credentials,
    delete_credentials,
    save_credentials,
)
from mutoscope.cli.session import Json, Session, get_session
from mutoscope.client import Mutoscope
from mutoscope.errors import PermissionDenied
from mutoscope.options import resolve_options

_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
# Quotas with this suffix are measured in bytes.
_BYTES_SUFFIX = "_bytes"
# Deprecated limits of a plan, which repeat others in former units.
_FORMER_LIMITS = ("max_resolution", "max_frames", "max_steps")


def login(
    context: typer.Context,
    *,
    url: Annotated[str | None, typer.Option(help="URL of the server; prompted for if missing.")] = None,
    json: Json = False,
) -> None:
    """Sign in: store the URL of a server and an API key.

    The command prompts for the key without showing it. Scripts send it on standard input. Create a key on the page
    API keys of the server.
    """
    session = get_session(context)
    url = url or os.environ.get(URL_VARIABLE) or _prompt_url(session)
    # Not an option: the key would be visible in the shell's history and in the process list.
    key = typer.prompt("API key", hide_input=True, err=True) if session.is_interactive else sys.stdin.readline()
    options = resolve_options(_with_scheme(url), key)
    credentials = Credentials(options.base_url, options.api_key)
    with Mutoscope(credentials.base_url, credentials.api_key, max_retries=1) as client:
        plan = _fetch_plan_name(client)
    path = save_credentials(credentials)
    if not credentials.base_url.startswith("https") and urlsplit(credentials.base_url).hostname not in _LOCAL_HOSTS:
        session.print_message(
            "This URL is not encrypted (http): others on the network can read your key. Use https.", style="yellow"
        )
    if os.environ.get(KEY_VARIABLE):
        session.print_message(f"{KEY_VARIABLE} is set and is used instead of the stored key.", style="yellow")
    body = {"base_url": credentials.base_url, "key": credentials.masked_key, "plan": plan, "stored_in": str(path)}
    session.print_result(f"Signed in to {credentials.base_url}. The key is stored in {path}.", body)


def _prompt_url(session: Session) -> str:
    if not session.is_interactive:
        return "http://localhost:8000"
    return str(typer.prompt("Server", default="http://localhost:8000", err=True))


def _with_scheme(url: str) -> str:
    """Returns the URL with a scheme: http for this machine, https for others."""
    if "://" in url:
        return url
    return f"http://{url}" if url.split(":", maxsplit=1)[0] in _LOCAL_HOSTS else f"https://{url}"


def _fetch_plan_name(client: Mutoscope) -> str | None:
    """Returns the team's plan, or None if the key lacks the scope. Raises AuthenticationError if the key is invalid."""
    try:
        return str(client.limits()["plan"]["name"])
    except PermissionDenied:
        return None


def logout(context: typer.Context, json: Json = False) -> None:
    """Delete the stored key. The key stays valid until you revoke it on the page API keys of the server."""
    session, deleted = get_session(context), delete_credentials()
    session.print_result("Signed out." if deleted else "You were not signed in.", {"signed_out": deleted})
    if os.environ.get(KEY_VARIABLE):
        session.print_message(f"{KEY_VARIABLE} is still set.", style="yellow")


def whoami(context: typer.Context, json: Json = False) -> None:
    """Show and check the server and the key in use."""
    session, credentials = get_session(context), current_credentials()
    with session.client() as client:
        plan = _fetch_plan_name(client)
    source = KEY_VARIABLE if os.environ.get(KEY_VARIABLE) else "mutoscope login"
    body = {"base_url": credentials.base_url, "key": credentials.masked_key, "key_from": source, "plan": plan}
    if session.json:
        session.print_json(body)
    else:
        session.print_fields([("server", body["base_url"]), ("key", body["key"]), ("from", source), ("plan", plan)])


def usage(
    context: typer.Context,
    *,
    since: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="First day.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day.")] = None,
    by: Annotated[str, typer.Option(help="day, member, key or model.")] = "day",
    json: Json = False,
) -> None:
    """Show the usage, of this month by default."""
    session = get_session(context)
    with session.client() as client:
        report = client.usage(since=since, until=until, group_by=by)
    if session.json:
        return session.print_json(report)
    rows = [row for row in report["data"] if row["videos"] or by != "day"]
    lines = [(_group_name(row.get(by)), row["credits"], row["videos"], f"{row['gpu_seconds']:.1f}") for row in rows]
    total = report["total"]
    lines.append(("total", total["credits"], total["videos"], f"{total['gpu_seconds']:.1f}"))
    session.print_table((by, "credits", "videos", "GPU seconds"), lines)
    session.print_message(f"{report['from']} to {report['to']} (UTC).", style="dim")
    return None


def _group_name(value: object) -> str:
    if isinstance(value, dict):
        return str(value.get("name") or value.get("email") or "")
    return "in the browser" if value is None else str(value)


def limits(context: typer.Context, json: Json = False) -> None:
    """Show the plan's limits and what is left of the quotas."""
    session = get_session(context)
    with session.client() as client:
        body = client.limits()
    if session.json:
        return session.print_json(body)
    rows = [
        (
            quota["scope"],
            _humanize(quota["name"].removesuffix(_BYTES_SUFFIX)),
            _format_amount(quota["used"], quota["name"]),
            _format_amount(quota["remaining"], quota["name"]),
            _format_reset(quota["reset"]),
        )
        for quota in body["quotas"]
    ]
    session.print_table(("scope", "quota", "used", "left", "resets in"), rows)
    hidden = {"name", *_FORMER_LIMITS}
    plan = {name: value for name, value in body["plan"].items() if value is not None and name not in hidden}
    session.out.print()
    session.print_fields(
        [("plan", body["plan"]["name"]), *((_humanize(name), _format_value(plan[name])) for name in plan)]
    )
    return None


def _humanize(name: str) -> str:
    return name.replace("_", " ")


def _format_amount(amount: float | None, name: str) -> str:
    """Formats what is used or left of a quota. None means that there is no limit."""
    if amount is None:
        return "no limit"
    return formatting.size(amount) if name.endswith(_BYTES_SUFFIX) else str(amount)


def _format_reset(seconds: int | None) -> str:
    return "" if not seconds else formatting.duration(seconds)


def _format_value(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def models(context: typer.Context, json: Json = False) -> None:
    """List the available models and their prices."""
    session = get_session(context)
    with session.client() as client:
        catalogue = client.models()
    if session.json:
        return session.print_json({"object": "list", "data": catalogue})
    rows = [
        (f"{model['id']}{' (default)' if model['default'] else ''}", preset, price, model["title"])
        for model in catalogue
        for preset, price in model["prices"].items()
    ]
    session.print_table(("model", "preset", "credits", "title"), rows)
    session.print_message("Credits at a square size.", style="dim")
    return None
