"""Every setting has a comment, and the README and the example file name only what exists."""

import re
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.ROOT)
SETTINGS = "\n".join(module.read_text() for module in sorted((ROOT / "platform" / "portal" / "settings").glob("*.py")))
READ = re.compile(r"""\benv\.\w+\(\s*"([A-Z_]+)\"""")


def test_every_variable_has_a_comment() -> None:
    lines = SETTINGS.splitlines()
    read = [(number, name) for number, line in enumerate(lines) for name in READ.findall(line)]
    assert len(read) > 30
    undocumented = [
        name for number, name in read if "#" not in lines[number] and not lines[number - 1].lstrip().startswith("# ")
    ]
    assert undocumented == []


def test_the_variables_of_the_example_exist() -> None:
    known = set(READ.findall(SETTINGS))
    known |= {"WEB_CONCURRENCY"}  # gunicorn's
    example = (ROOT / "deploy" / "production.env.example").read_text()
    assert set(re.findall(r"^#?\s*([A-Z_]+)=", example, re.MULTILINE)) - known == set()


def test_the_commands_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    readme = (ROOT / "README.md").read_text()
    targets = re.findall(r"^make (\w+)", readme, re.MULTILINE)
    assert "demo" in targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    paths = re.findall(r"\]\(([^)#:]+)[^)]*\)", readme)
    assert "ARCHITECTURE.md" in paths
    for path in paths:
        assert (ROOT / path).exists(), path
