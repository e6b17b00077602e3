"""Options of LTX-2 that need each other."""

from typing import Any

import pytest

from inference.engines.ltx2.options import LTX2Options
from inference.errors import OptionInvalid


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"upsampler": "latent_upsampler"}, "needs distilled"),
        ({"stg_scale": 1.0}, "needs spatio_temporal_guidance_blocks"),
        ({"guidance_rescale": 2}, "guidance_rescale"),
    ],
)
def test_invalid_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionInvalid, match=message):
        LTX2Options.parse(options)
