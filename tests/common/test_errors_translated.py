# ruff: noqa: F811 (fixtures are imported, and then named as arguments)
"""What services refuse, and pages quote, is said in Chinese on Chinese pages: each sentence of each of them."""

import ast
import base64
import html
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from django.conf import settings
from django.test import Client
from django.utils.translation import override

from accounts.keys.services import create_api_key
from accounts.quota.quotas import Quota, _exceeded
from accounts.roles import Scope
from common.errors import Forbidden, MutoscopeError, NotFound, Unauthenticated
from jobs.videos.views.words import translated
from tests.support.pages import PASSWORD, Person, _fresh_redis, _own_media, alice, mia, picture  # noqa: F401 (fixtures)

ROOT = Path(settings.ROOT)
# Besides our own errors. Those of a page of their own, such as the 404, are quoted nowhere.
KINDS = {"invalid", "Detail", "ErrorDetail", "ImageError", "RequestError", "ValidationError"}
UNQUOTED = {kind.__name__ for kind in (Forbidden, NotFound, Unauthenticated)}
# Asked by programs alone, or by pages that say it in their own words.
TO_PROGRAMS = re.compile(
    r"accounts/management/|inference/(?!images|sizes)|jobs/(api|dialects|live|management|galleries/(api|services))/"
    r"|jobs/batches/(services|uploads)\.py|jobs/services/(idempotency|links|storage|variants)\.py"
)
MODULES = [
    path.relative_to(ROOT)
    for room in ("accounts", "jobs", "inference", "platform/portal/admin")
    for path in sorted((ROOT / room).rglob("*.py"))
    if not TO_PROGRAMS.match(str(path.relative_to(ROOT)))
]


def kinds_of_errors() -> set[str]:
    """Of all that the site has: its addresses lead to every module that defines one."""
    import_module(settings.ROOT_URLCONF)
    families, found = [MutoscopeError], set[str]()
    while families:
        family = families.pop()
        families += family.__subclasses__()
        found.add(family.__name__)
    return (found | KINDS) - UNQUOTED


class Sentences(ast.NodeVisitor):
    """Of one module: what its errors say, with a 7 for each part that only a running program knows."""

    def __init__(self, source: str, module: ModuleType | None = None) -> None:
        self.found: list[str] = []
        self._module, self._kinds = module, kinds_of_errors()
        self._known: dict[str, list[ast.expr]] = {}
        self.visit(ast.parse(source))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        before, self._known = self._known, {}
        for inner in ast.walk(node):
            if isinstance(inner, ast.Assign) and isinstance(inner.targets[0], ast.Name):
                self._known.setdefault(inner.targets[0].id, []).append(inner.value)
        self.generic_visit(node)
        self._known = before

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]  # noqa: N815 (as ast calls it)

    def visit_Call(self, node: ast.Call) -> None:
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if called in self._kinds:
            for argument in node.args:
                known = dict(self._known)  # a name is followed once: it may be made of itself
                self.found += [text for text in self._texts(argument) if re.search(r"[a-z]{2}.* ", text)]
                self._known = known
        self.generic_visit(node)

    def _texts(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(self._part(part) for part in node.values)
        elif isinstance(node, ast.Name):
            if isinstance(constant := getattr(self._module, node.id, None), str):
                yield constant
            for value in self._known.pop(node.id, []):
                yield from self._texts(value)
        else:
            for inner in ast.iter_child_nodes(node):
                yield from self._texts(inner)

    def _part(self, part: ast.expr) -> str:
        inner = part.value if isinstance(part, ast.FormattedValue) else part
        return next(self._texts(inner), "7") if isinstance(inner, ast.Name | ast.Constant) else "7"


def untranslated(texts: list[str]) -> list[str]:
    with override("zh-hans"):
        return [text for text in texts if not re.search("[\u4e00-\u9fff]", translated(text))]


def sentences_of(path: Path) -> list[str]:
    source = (ROOT / path).read_text()
    if not Sentences(source).found:
        return []  # perhaps a module that only some installations can import
    return Sentences(source, import_module(".".join(path.with_suffix("").parts).removeprefix("platform."))).found


def test_every_refusal_is_translated() -> None:
    found = {path: sentences_of(path) for path in MODULES}
    assert len([path for path in found if found[path]]) > 20
    assert not {str(path): bad for path, texts in found.items() if (bad := untranslated(texts))}


def test_sentences_are_found_however_they_are_written() -> None:
    source = """
LONG = "where it is long"
def refuse(name):
    said = f"There are {name} of it here."
    if name:
        raise Conflict("It is not there yet.", code="not a sentence at all")
    raise serializers.ValidationError({"name": [errors.ErrorDetail(_("Only %(most)s are allowed.") % {"most": 1})]})
    raise LimitExceeded(said if name else f"Cut it, {LONG}.")
    raise NotFound("There is no such thing.")
    print("This is not an error.")
"""
    module = ModuleType("of_sentences")
    module.LONG = "where it is long"  # type: ignore[attr-defined]
    assert set(Sentences(source, module).found) == {
        "It is not there yet.",
        "Only %(most)s are allowed.",
        "There are 7 of it here.",
        "Cut it, where it is long.",
    }
    assert untranslated(["Something that nobody has translated.", "It was tried again already."]) == [
        "Something that nobody has translated."
    ]


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
def test_what_is_used_up(scope: str, name: str) -> None:
    quota = Quota(scope=scope, name=name, limit=1234, used=1234, remaining=0, reset=None)
    said = _exceeded(quota, before=1234, needed=1).message
    with override("zh-hans"):
        chinese = translated(said)
    assert "1234" in chinese
    assert not re.search(r"allow|used up|needs", chinese)


def test_a_reason_within_a_refusal_is_translated_too() -> None:
    with override("zh-hans"):
        said = translated(
            "image_url: What lies at this address cannot be used. The image is animated. Send a still image."
        )
        assert said.startswith("image_url: 该地址上的文件无法使用。这是动图")
        # A sentence with the marks of a placeholder in what somebody typed stays whole.
        assert translated('"50 %(x)s {y}" is not a valid choice.') == "“50 %(x)s {y}” 不是合法选项。"


def test_on_the_pages_of_a_team(alice: Person) -> None:
    alice.client.post("/language", {"language": "zh-hans"})
    invited = alice.post("/team", {"email": alice.user.email, "role": "member", "days": "7"})
    assert f"{alice.user.email} 已在团队中" in invited.content.decode()
    alice.post("/team/leave")
    assert "这是对方的个人团队" in alice.get("/team").content.decode()


def test_on_the_page_that_closes_an_account(alice: Person, mia: Person) -> None:
    alice.client.post("/language", {"language": "zh-hans"})
    alice.post("/accounts/reauthenticate/", {"password": PASSWORD})
    answer = alice.client.post("/account/close", {"email": alice.user.email}, follow=True)
    assert f"你是 {mia.team.name} 唯一的所有者" in answer.content.decode()


def test_on_the_page_of_a_batch(alice: Person) -> None:
    _key, secret = create_api_key(team=alice.team, creator=alice.user, name="k", scopes=list(Scope))
    good = {"image_name": "photo", "prompt": "pans left", "custom_id": "one"}
    wrong = [
        {"fps": 99},
        {"image_name": "other"},
        {"model": "nobody"},
        {"custom_id": "one"},
        {"seconds": "x"},
        {"a": 1},
    ]
    sent = {
        "images": {"photo": base64.b64encode(picture().read()).decode()},
        "requests": [good, *({**good, "custom_id": str(place), **change} for place, change in enumerate(wrong))],
    }
    headers = {"Authorization": f"Bearer {secret}"}
    answer = Client().post("/v1/batches", sent, content_type="application/json", headers=headers)
    alice.client.post("/language", {"language": "zh-hans"})
    page = html.unescape(alice.get(f"/batches/{answer.json()['id']}").content.decode())
    for said in (
        "fps: 请确保该值小于或者等于 24。",
        "image_name: 该批次没有带来图片 'other'。",
        "model: 这里没有模型 'nobody'。",
        "custom_id: 'one' 已是该批次中前面一个请求的名称。",
        "seconds: 请以秒为单位填写时长",
        "a: 没有这个字段。",
    ):
        assert said in page
