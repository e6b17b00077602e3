"""The compose file gives every process of the site the operator's models."""

from pathlib import Path

import pytest
import yaml

COMPOSE = Path(__file__).parents[2] / "deploy" / "compose.yaml"
SERVICES = yaml.safe_load(COMPOSE.read_text())["services"]


@pytest.mark.parametrize(
    "service",
    [name for name, options in SERVICES.items() if str(options.get("image", "")).startswith("mutoscope-")],
)
def test_every_process_sees_the_models_file(service: str) -> None:
    assert "./config:/etc/mutoscope:ro" in SERVICES[service]["volumes"]
