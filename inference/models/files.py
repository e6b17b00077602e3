"""Reads descriptors from TOML: those that are shipped, and those of the operator's file."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from inference.engines.upstream.options import UpstreamOptions
from inference.models.descriptor import ModelDescriptor

_MAX_FILE_BYTES = 1_000_000
_MISSING: Any = object()
# What a model does not take over from one that another engine runs.
_OF_THE_ENGINE = ("engine_options", "weights", "revision", "memory")

RawTables = Mapping[str, Mapping[str, Any]]
"""Tables of models by name, as TOML has them."""


class ModelsFileError(Exception):
    """The operator's file has an error. The message names the file, the key and how to correct it."""


def shipped_tables() -> dict[str, dict[str, Any]]:
    """Return the table of each shipped model: the content of the file that is named after it."""
    folder = files("inference.models") / "shipped"
    tables = {
        Path(file.name).stem: tomllib.loads(file.read_text("utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".toml")
    }
    return dict(sorted(tables.items()))


def shipped_models() -> dict[str, ModelDescriptor]:
    """Return the shipped models by name."""
    tables = shipped_tables()
    return {name: _descriptor(name, tables, {}, "inference/models/shipped") for name in tables}


def read_models_file(path: str) -> dict[str, ModelDescriptor]:
    """Return the models of the operator's file by name. Raises ModelsFileError.

    A table `[models.NAME]` is a new model, or changes the shipped model of that name. `extends` names the model whose
    values a table has where it sets none; `without` lists the values (`"memory"`, `"prompt.max_tokens"`) that it does
    not take over. The table of an upstream server may have the options of its engine as own keys, and extends the
    model that `upstream_model` names if it names none itself.
    """
    document = _read_toml(path)
    if unknown := [key for key in document if key != "models"]:
        raise ModelsFileError(f"{path}: {unknown[0]}: unknown key. The file has tables [models.NAME].")
    tables = document.get("models", {})
    if not isinstance(tables, dict):
        raise ModelsFileError(f"{path}: models: write one table [models.NAME] for each model.")
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ModelsFileError(f"{path}: models.{name}: write a table [models.{name}].")
    return {name: _descriptor(name, tables, shipped_tables(), path) for name in tables}


def _read_toml(path: str) -> dict[str, Any]:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ModelsFileError(f"{path} cannot be read: {error.strerror}.") from error
    if len(content) > _MAX_FILE_BYTES:
        raise ModelsFileError(f"{path} has more than {_MAX_FILE_BYTES} bytes.")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ModelsFileError(f"{path} is not UTF-8 (byte {error.start}).") from error
    except tomllib.TOMLDecodeError as error:
        raise ModelsFileError(f"{path}: {error}.") from error


def _descriptor(name: str, own: RawTables, shipped: RawTables, path: str) -> ModelDescriptor:
    key = f"models.{name}" if shipped else name
    table = _complete_table(name, own, shipped, path, ())
    if "name" in table:
        raise ModelsFileError(f"{path}: {key}.name: remove it. The name of the table is the name of the model.")
    try:
        return ModelDescriptor.model_validate({"name": name, **table})
    except ValidationError as error:
        problems = [_problem(key, each) for each in error.errors(include_url=False)]
        raise ModelsFileError("\n".join(f"{path}: {problem}" for problem in problems)) from error


def _problem(key: str, error: Any) -> str:
    """Return key path and reason of an error of pydantic."""
    where = ".".join([key, *map(str, error["loc"])])
    reason = {"extra_forbidden": "unknown key", "missing": "missing"}.get(error["type"], error["msg"])
    return f"{where}: {reason.removeprefix('Value error, ').removesuffix('.')}."


def _complete_table(
    name: str, own: RawTables, shipped: RawTables, path: str, followed: tuple[str, ...]
) -> dict[str, Any]:
    """Return the table with the values of the model that it extends."""
    table = {**(own[name] if name in own and name not in followed else shipped[name])}
    key = f"models.{name}" if shipped else name
    base = _base_of(table, own, shipped, f"{path}: {key}.extends", (*followed, name))
    table.pop("extends", None)
    without = table.pop("without", [])
    if base is None:
        return _with_engine_options(table, table.get("engine"))
    inherited = _complete_table(base, own, shipped, path, (*followed, name))
    if not isinstance(without, list):
        raise ModelsFileError(f"{path}: {key}.without: write a list of keys.")
    for removed in without:
        if not _remove(inherited, str(removed)):
            raise ModelsFileError(f"{path}: {key}.without: {base} has no {removed!r}.")
    engine = table.get("engine", inherited.get("engine"))
    if engine != inherited.get("engine"):
        inherited = {name: value for name, value in inherited.items() if name not in _OF_THE_ENGINE}
    return _merged(inherited, _with_engine_options(table, engine))


def _base_of(
    table: Mapping[str, Any], own: RawTables, shipped: RawTables, where: str, followed: tuple[str, ...]
) -> str | None:
    """Return the model that a table extends, or None. followed: the models up to this one, which is the last."""
    name, extends = followed[-1], table.get("extends")
    if extends is None and table.get("engine") == "upstream" and str(table.get("upstream_model")) in shipped:
        extends = table["upstream_model"]
    if extends is None and name in own and name in shipped and name not in followed[:-1]:
        return name
    if extends is None and table.get("engine") == "upstream":
        raise ModelsFileError(f"{where}: name a model that has the ranges of the server's model.")
    if extends is None:
        return None
    if not isinstance(extends, str):
        raise ModelsFileError(f"{where}: write the name of a model.")
    if extends in followed[:-1] or (extends == name and name not in shipped):
        raise ModelsFileError(f"{where}: {' extends '.join([*followed, extends])}.")
    if extends not in own and extends not in shipped:
        known = ", ".join(sorted({*own, *shipped} - {name}))
        raise ModelsFileError(f"{where}: there is no model {extends!r}. Choose one of: {known}.")
    return extends


def _with_engine_options(table: dict[str, Any], engine: Any) -> dict[str, Any]:
    """Return the table of an upstream server with the keys that are options in `engine_options`; others unchanged."""
    options = table.get("engine_options", {})
    if engine != "upstream" or not isinstance(options, dict):
        return table
    own = {key: value for key, value in table.items() if key in UpstreamOptions.model_fields}
    rest = {key: value for key, value in table.items() if key not in own}
    return {"pool": "cpu", **rest, "engine_options": {**own, **options}}


def _remove(table: dict[str, Any], key_path: str) -> bool:
    """Remove a value by its path and return whether there was one."""
    *parents, last = key_path.split(".")
    for parent in parents:
        table = table.get(parent, _MISSING)
        if not isinstance(table, dict):
            return False
    return table.pop(last, _MISSING) is not _MISSING


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return base with the changes, tables key by key. The tables of `base` stay as they are."""
    merged = {**base}
    for key, value in changes.items():
        known = merged.get(key)
        merged[key] = _merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged
