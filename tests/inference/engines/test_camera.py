"""The virtual camera: deterministic, without borders, smooth, and controlled by the prompt."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from inference.engines.base import Engine, load_engine
from inference.engines.camera.depth import estimate_depth
from inference.engines.camera.motion import ease, read_move
from inference.errors import Canceled
from inference.frames_file import Frames
from inference.generation import GenerationInputs, GenerationRequest
from tests.support.frames import generate_frames

Sample = Callable[[str], Image.Image]
REQUEST = GenerationRequest(
    prompt="a cat", width=160, height=120, num_frames=8, fps=8, steps=50, guidance_scale=9.0, seed=3
)


def ignore(_step: int, _total: int) -> None:
    pass


@pytest.fixture
def engine() -> Engine:
    return load_engine("camera")


@pytest.fixture
def generate(engine: Engine, sample: Sample) -> Callable[..., Frames]:
    return lambda **change: generate_frames(
        engine, replace(REQUEST, **change), GenerationInputs(sample("cat.jpg")), ignore
    )


def test_shape_progress_and_repeatability(engine: Engine, sample: Sample, generate: Callable[..., Frames]) -> None:
    seen: list[tuple[int, int]] = []
    frames = generate_frames(
        engine, REQUEST, GenerationInputs(sample("cat.jpg")), lambda step, total: seen.append((step, total))
    )
    assert frames.shape == (8, 120, 160, 3)
    assert frames.dtype == np.uint8
    assert seen == [(step, 8) for step in range(1, 9)]
    np.testing.assert_array_equal(frames, generate())
    np.testing.assert_array_equal(frames, generate(steps=10, guidance_scale=1.0))


def test_cancel_stops_immediately(engine: Engine, sample: Sample) -> None:
    seen: list[int] = []

    def cancel(step: int, _total: int) -> None:
        seen.append(step)
        raise Canceled

    with pytest.raises(Canceled):
        generate_frames(engine, REQUEST, GenerationInputs(sample("cat.jpg")), cancel)
    assert seen == [1]


def test_seeds_differ(generate: Callable[..., Frames]) -> None:
    assert not np.array_equal(generate(seed=1), generate(seed=2))


PROMPTS = [
    "zoom in quickly, dramatic",
    "zoom out",
    "pan left and rotate",
    "tilt up fast, handheld, earthquake, orbit around, spin",
    "旋转 放大 向右",
    "nothing in particular",
]


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("size", [(160, 120), (96, 200), (200, 72), (40, 40)])
def test_borders_never_show(engine: Engine, prompt: str, size: tuple[int, int]) -> None:
    """A white image stays white up to the corners for every move; a border would be black."""
    request = replace(REQUEST, prompt=prompt, width=size[0], height=size[1], num_frames=12, fps=4)
    for image_size in ((300, 200), (90, 200)):
        frames = generate_frames(engine, request, GenerationInputs(Image.new("RGB", image_size, "white")), ignore)
        assert frames.min() == 255


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_motion_is_smooth(prompt: str, generate: Callable[..., Frames]) -> None:
    frames = generate(prompt=prompt, num_frames=16).astype(int)
    changes = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
    assert changes.min() > 0.2
    assert changes.max() < 6 * np.median(changes)


@pytest.mark.parametrize(
    ("words", "part", "sign"),
    [
        ("zoom in on the face", "zoom", 1),
        ("slowly zoom out", "zoom", -1),
        ("the camera pulls back", "zoom", -1),
        ("pan to the left", "pan", -1),
        ("the camera moves slowly right", "pan", 1),
        ("the rocket rises", "tilt", -1),
        ("leaves fall", "tilt", 1),
        ("rotate clockwise", "roll", 1),
        ("rotate counterclockwise", "roll", -1),
        ("counter-clockwise", "roll", -1),
        ("A person walking forward naturally", "dolly", 1),
        ("handheld footage", "sway", 1),
        ("镜头缓缓推近", "dolly", 1),
        ("镜头拉远", "zoom", -1),
        ("火箭升空", "tilt", -1),
        ("向左移动", "pan", -1),
        ("顺时针旋转", "roll", 1),
    ],
)
def test_words_of_the_prompt_select_the_move(words: str, part: str, sign: int) -> None:
    for seed in range(5):
        assert getattr(read_move(words, seed, 2.0), part) * sign > 0.03


def test_words_inside_other_words_have_no_effect() -> None:
    assert read_move("a surprise enterprise", 0, 2.0) == read_move("a quiet enterprise", 0, 2.0)
    assert abs(read_move("a surprise", 0, 2.0).tilt) <= 0.12


def test_modifiers_and_duration_scale_the_move() -> None:
    zooms = [read_move(f"zoom in {modifier}", 0, 2.0).zoom for modifier in ("slowly", "", "fast")]
    assert zooms == sorted(zooms)
    assert read_move("zoom in", 0, 0.5).zoom < read_move("zoom in", 0, 2.0).zoom < read_move("zoom in", 0, 8.0).zoom


def test_zooming_in_ends_closer(engine: Engine) -> None:
    """A white disc on grey covers more of the last frame than of the first."""
    y, x = np.mgrid[:200, :200]
    disc = np.where((x - 100) ** 2 + (y - 100) ** 2 < 50**2, 255, 90).astype(np.uint8)
    inputs = GenerationInputs(Image.fromarray(disc).convert("RGB"))
    request = replace(REQUEST, width=160, height=160, fps=4)
    closer = generate_frames(engine, replace(request, prompt="zoom in"), inputs, ignore) > 180
    assert closer[-1].sum() > 1.2 * closer[0].sum()
    wider = generate_frames(engine, replace(request, prompt="zoom out"), inputs, ignore) > 180
    assert wider[0].sum() > 1.2 * wider[-1].sum()


def test_easing_runs_from_start_to_end() -> None:
    eased = ease(np.linspace(0, 1, 50))
    assert eased[0] == 0
    assert eased[-1] == pytest.approx(1)
    assert np.all(np.diff(eased) > 0)


def test_estimated_depth_has_the_ground_nearer_than_the_sky(sample: Sample) -> None:
    depth = estimate_depth(sample("rocket.jpg"), 11, 9)
    assert depth.shape == (9, 11)
    assert depth.min() >= -1
    assert depth.max() <= 1
    assert depth[-1].mean() > depth[0].mean()


def test_one_frame_is_enough(generate: Callable[..., Frames]) -> None:
    assert generate(num_frames=1).shape == (1, 120, 160, 3)
