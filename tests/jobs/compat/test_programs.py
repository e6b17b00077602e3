"""The programs of the guide "Use the SDK you have" run as they are shown."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from portal.docs.guides import snippet
from tests.portal.docs.printed import INTERPRETERS
from tests.support.images import CAT
from tests.support.people import Person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("name", "portal"),
    [
        *[("sdk_openai.py", "plain_portal"), ("sdk_replicate.py", "secure_portal"), ("sdk_fal.py", "secure_portal")],
        *[("sdk_openai.mjs", "plain_portal"), ("sdk_replicate.mjs", "plain_portal"), ("sdk_fal.mjs", "plain_portal")],
    ],
)
def test_a_program_of_the_guide(
    name: str,
    portal: str,
    alice: Person,
    certificate: tuple[Path, Path],
    camera: Any,
    javascript_folder: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    url = request.getfixturevalue(portal)
    host = url.partition("://")[2]
    shutil.copy(CAT, tmp_path / "photo.jpg")
    (tmp_path / "node_modules").symlink_to(javascript_folder / "node_modules")
    (tmp_path / name).write_text(snippet(name, site_url=url))
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "MUTOSCOPE_API_KEY": alice.key,
        "FAL_KEY": alice.key,
        "FAL_RUN_HOST": f"{host}/fal",
        "FAL_QUEUE_RUN_HOST": f"{host}/fal/queue",
        "SSL_CERT_FILE": str(certificate[0]),
    }
    done = subprocess.run(
        [*INTERPRETERS[Path(name).suffix], name],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "video.mp4").read_bytes()[4:8] == b"ftyp"
