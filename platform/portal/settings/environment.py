"""Reads environment variables. A value that a setting cannot have stops the start with its name.

django-environ itself accepts almost everything: it reads `1e3` as 13, `ture` as false and the space in `a, b` as a part
of the second name.
"""

import ipaddress
import math
import os
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from limits import parse as parse_rate
from redis.connection import parse_url as parse_redis_url

_TRUE = frozenset({"1", "true", "yes", "on", "y", "ok"})
_FALSE = frozenset({"0", "false", "no", "off", "n"})
_HOST = re.compile(r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\]")
_NO_DEFAULT: Any = object()
_Value = TypeVar("_Value")
# Inside the class, the names of these types are its methods.
_Str: TypeAlias = str
_Bool: TypeAlias = bool
_Int: TypeAlias = int
_Float: TypeAlias = float
_Names: TypeAlias = list[str]
_Pairs: TypeAlias = dict[str, str]
_Config: TypeAlias = dict[str, Any]


class InvalidSettingError(ImproperlyConfigured):
    """An environment variable has a value that the setting cannot have."""

    def __init__(self, name: str, expected: str) -> None:
        super().__init__(f"{name} is not valid. It must be {expected}.")


class _Variables(environ.fileaware_mapping.FileAwareMapping):  # type: ignore[misc]
    """The environment, where `NAME_FILE` names a file with the value. Editors end a file with a line break."""

    def __getitem__(self, name: str) -> str:
        value: str = super().__getitem__(name)
        return value.rstrip("\r\n") if self.env.get(f"{name}_FILE") else value


class Environment:
    """One method for each kind of setting. An empty variable counts as missing, except for texts and lists."""

    def __init__(self) -> None:
        self._variables = _Variables()

    def __contains__(self, name: _Str) -> _Bool:
        return name in self._variables or f"{name}_FILE" in os.environ

    def read_file(self, path: _Str) -> None:
        """Take the variables that the environment lacks from a file."""
        environ.Env.read_env(path)

    def str(self, name: _Str, default: _Str = _NO_DEFAULT) -> _Str:
        return self._read(name, default, _parse_text, "one line of text", empty=True)

    def choice(self, name: _Str, choices: Sequence[_Str], default: _Str) -> _Str:
        by_lower_case = {choice.lower(): choice for choice in choices}
        return self._read(name, default, lambda text: by_lower_case[text.lower()], f"one of {', '.join(choices)}")

    def bool(self, name: _Str, default: _Bool) -> _Bool:
        return self._read(name, default, _parse_bool, "true or false")

    def int(self, name: _Str, default: _Int, minimum: _Int = 0) -> _Int:
        expected = f"a whole number of at least {minimum}"
        value: _Int = self._read(name, default, _within(_Int, minimum, math.inf), expected)
        return value

    def float(
        self,
        name: _Str,
        default: _Float,
        minimum: _Float = 0,
        maximum: _Float = math.inf,
    ) -> _Float:
        expected = f"a number of at least {minimum:g}" + (f" and at most {maximum:g}" if maximum < math.inf else "")
        value: _Float = self._read(name, default, _within(_Float, minimum, maximum), f"{expected}, such as {default:g}")
        return value

    def list(self, name: _Str, default: Sequence[_Str]) -> _Names:
        return self._read(name, [*default], _parse_list, "values separated by commas", empty=True)

    def dict(self, name: _Str, default: _Pairs) -> _Pairs:
        return self._read(name, default, _parse_pairs, "pairs separated by commas, such as a=b,c=d", empty=True)

    def hosts(self, name: _Str, default: Sequence[_Str]) -> _Names:
        expected = "host names separated by commas, without scheme, port or path, such as example.com,.example.org"
        return self._read(name, [*default], _each(_parse_host), expected, empty=True)

    def networks(self, name: _Str, default: Sequence[_Str]) -> _Names:
        expected = "networks separated by commas, such as 10.0.0.0/8,::1/128"
        return self._read(name, [*default], _each(_parse_network), expected, empty=True)

    def origins(self, name: _Str, default: Sequence[_Str]) -> _Names:
        expected = "origins separated by commas, such as https://example.com"
        return self._read(name, [*default], _each(_parse_origin), expected, empty=True)

    def rate(self, name: _Str, default: _Str) -> _Str:
        """A rate limit. A typing error would otherwise be found by the first request that counts."""
        return self._read(name, default, _parse_rate, f"a number and a period, such as {default}")

    def http_url(self, name: _Str, default: _Str = "") -> _Str:
        """A URL without a slash at the end; scheme and host in lower case, since other settings depend on them."""
        return self._read(name, default, _parse_http_url, "an http or https URL, such as https://example.com")

    def location(self, name: _Str) -> _Str:
        """Where files come from: a folder, a bucket, or a server; empty by default."""
        expected = "a path such as /mnt/models, s3://bucket/prefix, or an http or https URL"
        return self._read(name, "", _parse_location, expected)

    def redis_url(self, name: _Str) -> _Str:
        return self._read(name, _NO_DEFAULT, _parse_redis_url, "a Redis URL, such as redis://host:6379/0")

    def db(self, name: _Str) -> _Config:
        expected = "a PostgreSQL URL, such as postgres://user:password@host/name"
        return self._read(name, _NO_DEFAULT, _parse_database_url, expected)

    def email(self, name: _Str, default: _Str) -> _Config:
        expected = "the URL of a mail server, such as smtp+tls://user:password@host:587"
        text = self._read(name, default, lambda text: environ.Env.email_url_config(text) and text, expected)
        return dict(environ.Env.email_url_config(text))

    def _read(
        self,
        name: _Str,
        default: Any,
        parse: Callable[[_Str], _Value],
        expected: _Str,
        *,
        empty: _Bool = False,
    ) -> _Value:
        try:
            text = self._variables[name]
        except KeyError as error:
            if default is _NO_DEFAULT:
                raise ImproperlyConfigured(f"Set the {name} environment variable") from error
            return default  # type: ignore[no-any-return]
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidSettingError(f"{name}_FILE", f"the path of a readable file ({error})") from None
        if not text.strip() and not empty:
            if default is _NO_DEFAULT:
                raise InvalidSettingError(name, expected)
            return default  # type: ignore[no-any-return]
        try:
            return parse(text)
        except (ValueError, KeyError, ImproperlyConfigured):
            raise InvalidSettingError(name, expected) from None


def _within(kind: Callable[[str], Any], minimum: float, maximum: float) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        value = kind(text)
        if not minimum <= value <= maximum or value == math.inf:  # false for NaN
            raise ValueError
        return value

    return parse


def _each(parse: Callable[[str], str]) -> Callable[[str], list[str]]:
    return lambda text: [parse(part) for part in _parse_list(text)]


def _parse_text(text: str) -> str:
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise ValueError
    return text


def _parse_bool(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError
    return word in _TRUE


def _parse_list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _parse_pairs(text: str) -> dict[str, str]:
    pairs = [part.split("=", 1) for part in _parse_list(text)]
    return {name.strip(): value.strip() for name, value in pairs}


def _parse_host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError
    return text.lower()


def _parse_network(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))


def _parse_rate(text: str) -> str:
    parse_rate(text)
    return text


def _parse_http_url(text: str) -> str:
    parts = urlsplit(text.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError
    _ = parts.port  # raises ValueError for a port that is not a number
    return parts._replace(netloc=parts.netloc.lower()).geturl().rstrip("/")


def _parse_location(text: str) -> str:
    parts = urlsplit(_parse_text(text.strip()))
    if parts.scheme in {"http", "https"}:
        return _parse_http_url(text)
    is_bucket = parts.scheme == "s3" and parts.hostname and not parts.query and not parts.username
    if not is_bucket and not (parts.scheme == "" and parts.path.startswith("/") and not parts.netloc):
        raise ValueError
    return text.strip().rstrip("/") or "/"


def _parse_origin(text: str) -> str:
    parts = urlsplit(text)
    if not parts.scheme or not parts.netloc or parts.path not in {"", "/"} or parts.query:
        raise ValueError
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _parse_redis_url(text: str) -> str:
    parse_redis_url(text.strip())  # type: ignore[no-untyped-call]
    return text.strip()


def _parse_database_url(text: str) -> dict[str, Any]:
    config: dict[str, Any] = environ.Env.db_url_config(text.strip())
    if "postgresql" not in config["ENGINE"] or not config["NAME"]:
        raise ValueError
    return config
