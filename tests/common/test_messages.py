"""Messages: templates are literals, each template has a Chinese translation, and pages show it."""

import ast
import base64
import html
import inspect
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils.translation import override
from django.utils.translation.trans_real import translation as loaded_catalogue

from accounts.keys.services import create_api_key
from accounts.quota.quotas import Quota, _exceeded
from accounts.roles import Scope
from common.errors import MutoscopeError, invalid_field
from common.messages import Message
from inference.errors import ImageError, RequestError
from jobs.api.field_errors import error_detail, field_error
from tests.support.images import image_upload
from tests.support.people import PASSWORD, Person

ROOT = Path(settings.ROOT)
MODULES = [
    path.relative_to(ROOT)
    for folder in ("accounts", "jobs", "inference", "platform")
    for path in sorted((ROOT / folder).rglob("*.py"))
    # The command line of inference is English, and no client sees its errors.
    if path != ROOT / "inference" / "cli.py"
]


def template_positions() -> dict[str, int]:
    """Return the names of the callables that take a template, with its position among the arguments."""
    import_module(settings.ROOT_URLCONF)  # imports the modules that define errors
    classes: list[type[MutoscopeError]] = [MutoscopeError]
    for error_class in classes:
        classes += error_class.__subclasses__()
    callables: list[Callable[..., Any]] = [
        *classes,
        Message,
        ImageError,
        RequestError,
        invalid_field,
        field_error,
        error_detail,
    ]
    found = {each.__name__: list(inspect.signature(each).parameters) for each in callables}
    return {name: names.index("template") for name, names in found.items() if "template" in names}


class TemplateCollector(ast.NodeVisitor):
    """Collects the templates of a module, and the calls whose template is not a literal."""

    def __init__(self, source: str, positions: dict[str, int]) -> None:
        self.templates: list[str] = []
        self.faults: list[str] = []
        self._positions = positions
        self._values: dict[str, list[ast.expr]] = {}
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self._values.setdefault(node.targets[0].id, []).append(node.value)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
                self._values.setdefault(node.target.id, []).append(node.value)
        self.visit(tree)

    def visit_Call(self, node: ast.Call) -> None:
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        position = self._positions.get(name)
        if position is not None and len(node.args) > position:
            self._collect(node.args[position], node)
        self.generic_visit(node)

    def _collect(self, value: ast.expr, call: ast.Call) -> None:
        if isinstance(value, ast.Constant):
            self.templates.append(str(value.value))
        elif isinstance(value, ast.IfExp):
            self._collect(value.body, call)
            self._collect(value.orelse, call)
        elif isinstance(value, ast.Name):
            for assigned in self._values.get(value.id, []):
                if isinstance(assigned, ast.Constant | ast.JoinedStr | ast.IfExp | ast.BinOp):
                    self._collect(assigned, call)
        elif isinstance(value, ast.Subscript) and isinstance(value.value, ast.Name):
            for table in self._values.get(value.value.id, []):
                for inner in table.values if isinstance(table, ast.Dict) else []:
                    self._collect(inner, call)
        elif isinstance(value, ast.JoinedStr | ast.BinOp) or _is_gettext(value):
            self.faults.append(f"{call.lineno}: {ast.unparse(value)[:80]}")


def _is_gettext(value: ast.expr) -> bool:
    return (
        isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in {"_", "gettext", "noop"}
    )


def collectors() -> Iterator[tuple[Path, TemplateCollector]]:
    positions = template_positions()
    for path in MODULES:
        yield path, TemplateCollector((ROOT / path).read_text(), positions)


def untranslated(templates: list[str]) -> list[str]:
    loaded: Any = loaded_catalogue("zh-hans")
    catalogue = loaded._catalog
    return [text for text in templates if text and not catalogue.get(text) and not catalogue.get((text, 0))]


def test_every_template_is_a_literal() -> None:
    assert {str(path): found.faults for path, found in collectors() if found.faults} == {}


def test_every_template_is_translated() -> None:
    templates = {path: found.templates for path, found in collectors() if found.templates}
    assert len(templates) > 30
    assert {str(path): missing for path, found in templates.items() if (missing := untranslated(found))} == {}


def test_templates_are_found_however_they_are_written() -> None:
    source = """
TEMPLATES = {"a": "The first of two.", "b": "The second of two."}
def refuse(name):
    message = "It is assigned first."
    if name:
        raise Conflict("It is not ready yet.", code="not a template")
    raise invalid_field("name", "Only %(limit)s are " "allowed.", {"limit": 1})
    raise Conflict(TEMPLATES[name]) if name else Conflict(message)
    raise Conflict("It is true." if name else "It is false.")
    raise Conflict(f"There are {name} already.")
    raise Conflict(_("It is translated too early."))
    raise Conflict(other.message)
    print("This is not an error.")
"""
    found = TemplateCollector(source, {"Conflict": 0, "invalid_field": 1})
    assert found.templates == [
        "It is not ready yet.",
        "Only %(limit)s are allowed.",
        "The first of two.",
        "The second of two.",
        "It is assigned first.",
        "It is true.",
        "It is false.",
    ]
    assert [fault.partition(": ")[2] for fault in found.faults] == [
        "f'There are {name} already.'",
        "_('It is translated too early.')",
    ]
    assert untranslated(["Nobody has translated this.", "The video was deleted."]) == ["Nobody has translated this."]


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        ("team", "videos_per_day"),
        ("team", "gpu_seconds_per_month"),
        ("team", "storage_bytes"),
        ("member", "credits_per_month"),
        ("member", "videos_per_day"),
        ("key", "credits_per_month"),
        ("key", "videos_per_day"),
    ],
)
def test_an_exceeded_quota_is_translated(scope: str, name: str) -> None:
    quota = Quota(scope=scope, name=name, limit=1234, used=1234, remaining=0, reset=None)
    error = _exceeded(quota, before=1234, needed=1)
    with override("zh-hans"):
        chinese = error.localized()
    assert re.search("[\u4e00-\u9fff]", chinese)
    assert not re.search(r"allow|used up|needs|limit", chinese)


def test_a_message_within_a_message_is_translated_too() -> None:
    message = Message("%(field)s: %(problem)s", {"field": "steps", "problem": Message("The video was deleted.")})
    assert str(message) == "steps: The video was deleted."
    with override("zh-hans"):
        assert message.localized() == "steps: 视频已删除。"
        assert Message.from_json(message.as_json()).localized() == "steps: 视频已删除。"


def test_a_text_without_parameters_is_not_formatted() -> None:
    for text in ('"50 %(x)s {y}" is not a valid choice.', "100 % of it", ""):
        assert str(Message(text)) == text
        with override("zh-hans"):
            assert Message(text).localized() == text


def test_errors_on_the_team_page_are_translated(alice: Person) -> None:
    alice.client.post("/language", {"language": "zh-hans"})
    invited = alice.post("/team", {"email": alice.user.email, "role": "member", "days": "7"})
    assert f"{alice.user.email} 已是团队成员" in invited.content.decode()
    alice.post("/team/leave")
    assert "这是该成员的个人团队" in alice.get("/team").content.decode()


def test_errors_on_the_account_deletion_page_are_translated(alice: Person, mia: Person) -> None:
    alice.client.post("/language", {"language": "zh-hans"})
    alice.post("/accounts/reauthenticate/", {"password": PASSWORD})
    response = alice.client.post("/account/close", {"email": alice.user.email}, follow=True)
    assert f"你是 {mia.team.name} 唯一的所有者" in response.content.decode()


def test_errors_on_the_batch_page_are_translated(alice: Person) -> None:
    _key, secret = create_api_key(team=alice.team, creator=alice.user, name="k", scopes=list(Scope))
    valid = {"image_name": "photo", "prompt": "pans left", "custom_id": "one"}
    changes: list[dict[str, Any]] = [
        {"fps": 25},
        {"image_name": "other"},
        {"model": "nobody"},
        {"custom_id": "one"},
        {"seconds": "x"},
        {"a": 1},
    ]
    body = {
        "images": {"photo": base64.b64encode(image_upload().read()).decode()},
        "requests": [valid, *({**valid, "custom_id": str(index), **change} for index, change in enumerate(changes))],
    }
    headers = {"Authorization": f"Bearer {secret}"}
    response = Client().post("/v1/batches", body, content_type="application/json", headers=headers)
    alice.client.post("/language", {"language": "zh-hans"})
    page = html.unescape(alice.get(f"/batches/{response.json()['id']}").content.decode())
    for text in (
        "fps: camera 需要 4 到 24 之间的数字。",
        "image_name: 此批次中没有名为“other”的图片。",
        "model: 这里没有模型 'nobody'。",
        "custom_id: “one”已是此批次中前面某个请求的 custom_id。",
        "seconds: 请以秒为单位填写时长",
        "a: 没有这个字段。",
    ):
        assert text in page
