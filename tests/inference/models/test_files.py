"""The operator's file of models: what it can change, and what its errors say."""

import re
from pathlib import Path

import pytest

from inference.models.catalogue import MODELS
from inference.models.files import ModelsFileError, read_models_file, shipped_models


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "models.toml"


def test_the_shipped_files_are_valid() -> None:
    assert {*shipped_models()} >= {"camera", "i2vgen-xl", "i2vgen-xl-tiny", "scripted"}


def test_a_new_model_extends_another_one(file: Path) -> None:
    file.write_text(
        """
        [models.our-i2v]
        extends = "i2vgen-xl"
        weights = "/models/our-i2v"
        title = "Our I2V"
        [models.our-i2v.num_frames]
        maximum = 24
        [models.our-i2v.presets.tiny]
        resolution = "256p"
        num_frames = 8
        """
    )
    model = read_models_file(str(file))["our-i2v"]
    shipped = MODELS["i2vgen-xl"]
    assert (model.name, model.title, model.weights) == ("our-i2v", "Our I2V", "/models/our-i2v")
    assert (model.num_frames.minimum, model.num_frames.maximum) == (8, 24)
    assert list(model.presets) == [*shipped.presets, "tiny"]
    assert model.cost == shipped.cost
    assert "tiny" not in shipped.presets


def test_a_shipped_model_is_changed_by_its_name(file: Path) -> None:
    file.write_text(
        '[models.camera.presets.quick]\nresolution = "256p"\nnum_frames = 8\n' + '[models.b]\nextends = "camera"'
    )
    models = read_models_file(str(file))
    assert list(models["camera"].presets) == [*MODELS["camera"].presets, "quick"]
    assert "quick" in models["b"].presets


def test_values_that_are_not_taken_over(file: Path) -> None:
    file.write_text('[models.mine]\nextends = "i2vgen-xl"\nwithout = ["memory", "presets.high", "guidance_scale"]')
    with pytest.raises(ModelsFileError, match=r"presets\.fast\.guidance_scale: the model has none"):
        read_models_file(str(file))
    file.write_text('[models.mine]\nextends = "i2vgen-xl"\nwithout = ["memory", "presets.high"]')
    model = read_models_file(str(file))["mine"]
    assert not model.needs_gpu
    assert "high" not in model.presets


STUDIO = """
    [models.studio]
    engine = "upstream"
    url = "https://gpu.example/v1"
    api_key_file = "/run/secrets/studio"
    """


@pytest.mark.parametrize("base", ['upstream_model = "wan-ti2v-5b"', 'extends = "wan-ti2v-5b"'])
def test_an_upstream_server_has_the_ranges_of_a_shipped_model(file: Path, base: str) -> None:
    file.write_text(STUDIO + base)
    model = read_models_file(str(file))["studio"]
    shipped = MODELS["wan-ti2v-5b"]
    assert (model.num_frames, model.sizes, model.presets) == (shipped.num_frames, shipped.sizes, shipped.presets)
    assert (model.engine, model.pool, model.memory, model.weights) == ("upstream", "cpu", None, None)
    options = {"url": "https://gpu.example/v1", "api_key_file": "/run/secrets/studio"}
    assert model.engine_options == options | ({"upstream_model": "wan-ti2v-5b"} if "upstream" in base else {})


def test_an_upstream_server_in_place_of_a_shipped_model(file: Path) -> None:
    file.write_text(
        '[models.wan-ti2v-5b]\nengine = "upstream"\nengine_options.url = "https://gpu.example/v1"\n'
        '[models.second]\nextends = "wan-ti2v-5b"\nurl = "https://second.example/v1"'
    )
    first, second = read_models_file(str(file)).values()
    assert (first.title, first.pool, first.engine_options) == (
        "Wan 2.2 TI2V 5B",
        "cpu",
        {"url": "https://gpu.example/v1"},
    )
    assert (second.engine, second.engine_options) == ("upstream", {"url": "https://second.example/v1"})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = ", "Invalid value"),
        ("[models.a]\ntitle = 1 2", "line 2"),
        ("[model.a]", "model: unknown key"),
        ("models = 1", "models: write one table"),
        ("[models]\na = 1", "models.a: write a table"),
        ('[models.a]\nextends = "b"', "models.a.extends: there is no model 'b'. Choose one of: camera"),
        ('[models.a]\nextends = "a"', "models.a.extends: a"),
        ('[models.a]\nextends = "b"\n[models.b]\nextends = "a"', "a extends b extends a"),
        ('[models.a]\nextends = "camera"\nname = "b"', "models.a.name: remove it"),
        ('[models.a]\nextends = "camera"\nfoo = 1', "models.a.foo: unknown key"),
        ('[models.a]\nextends = "camera"\nwithout = ["foo"]', "models.a.without: camera has no 'foo'"),
        ('[models.a]\nextends = "camera"\nwithout = "foo"', "models.a.without: write a list"),
        ('[models.A]\nextends = "camera"', "models.A.name"),
        ('[models.a]\nextends = "camera"\nengine = "sora"', "engine is 'sora', which is none of camera"),
        ('[models.a]\nextends = "camera"\nnum_frames.maximum = "x"', "models.a.num_frames.maximum: Input should be"),
        ('[models.a]\nextends = "camera"\nnum_frames.maximum = 5000', "num_frames.maximum must be at most 721"),
        ('[models.a]\nextends = "camera"\nnum_frames.step = 5', "models.a.num_frames: default must be one of"),
        ('[models.a]\nextends = "camera"\ninputs = { image = "none", last_image = "optional" }', "takes no image"),
        ('[models.a]\nextends = "camera"\ndefault_preset = "x"', "default_preset is 'x', which is none of fast"),
        ('[models.a]\nextends = "camera"\npresets.fast.num_frames = 99', "presets.fast.num_frames is 99, which is not"),
        ('[models.a]\nextends = "camera"\npresets.fast.resolution = "4k"', "presets.fast.resolution is '4k'"),
        ('[models.a]\nextends = "camera"\nprompt.max_tokens = 7', "max_tokens and tokenizer need each other"),
        (
            '[models.a]\nextends = "camera"\nengine_options.offload = "x"',
            "engine_options.offload: camera has no options",
        ),
        ('[models.a]\nextends = "wan-ti2v-5b"\nengine_options.offload = "x"', "engine_options: The option offload"),
        (
            '[models.a]\nextends = "wan-ti2v-5b"\npresets.draft.loras = [{ name = "b" }]',
            "presets.draft.loras has 'b', but engine_options.loras has no LoRA",
        ),
        ('[models.a]\nextends = "wan-ti2v-5b"\nengine = "upstream"', "engine_options: The option url of the model"),
        ('[models.a]\nextends = "wan-ti2v-5b"\nurl = "https://gpu.example"', "models.a.url: unknown key"),
        (STUDIO.replace("upstream", "camera"), "models.studio.url: unknown key"),
        (STUDIO + 'extends = "camera"\nengine_options = 1', "models.studio.engine_options: Input should be"),
        ('[models.a]\nextends = ["camera"]', "models.a.extends: write the name of a model"),
        (
            '[models.a]\nengine = "upstream"\nurl = "https://gpu.example/v1"\nupstream_model = "other"',
            "models.a.extends: name a model that has the ranges",
        ),
        ('[models.a]\nextends = "camera"\nfps.minimum = 0', "models.a.fps.minimum: Input should be greater than"),
        (
            '[models.a]\nextends = "camera"\nsizes.multiple = 4',
            "models.a.sizes.multiple: Input should",
        ),
        ('[models.a]\nextends = "camera"\nsizes.resolutions.tiny.pixels = 100', "resolutions.tiny at 1:1"),
        ('[models.a]\nextends = "camera"\nsizes.resolutions."cinema-wide-hd".pixels = 65536', "cinema-wide-hd"),
        ('[models.a]\nextends = "camera"\ncost.base_seconds = inf', "cost.frames.base_seconds"),
        (
            '[models.a]\nextends = "i2vgen-xl"\nguidance_scale.maximum = 101.0',
            "maximum must be at most 100",
        ),
        ('[models.a]\nextends = "i2vgen-xl"\nmemory.points = [[1.0, 2.0], [1.0, 3.0]]', "in ascending order"),
        ('[models.a]\nextends = "camera"\n[models.a.presets."a b"]\nresolution = "256p"\nnum_frames = 8', "a b"),
        ('[models.a]\ntitle = "A"', "models.a.engine: missing"),
    ],
)
def test_errors_name_file_and_key(file: Path, text: str, problem: str) -> None:
    file.write_text(text)
    with pytest.raises(ModelsFileError) as caught:
        read_models_file(str(file))
    assert problem in str(caught.value)
    assert all(line.startswith(f"{file}: ") for line in str(caught.value).splitlines())


def test_a_preset_has_the_defaults_of_what_it_does_not_set(file: Path) -> None:
    file.write_text('[models.wan-ti2v-5b.presets.quick]\nresolution = "480p"\nnum_frames = 49')
    quick = read_models_file(str(file))["wan-ti2v-5b"].presets["quick"]
    assert (quick.steps, quick.guidance_scale) == (50, 5.0)


def test_the_examples_of_the_guide_are_valid(file: Path) -> None:
    guide = (Path(__file__).parents[3] / "deploy/docs/models.md").read_text()
    examples = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    assert len(examples) > 3
    for example in examples:
        file.write_text(example)
        assert read_models_file(str(file)), example


def test_files_that_cannot_be_read(file: Path) -> None:
    with pytest.raises(ModelsFileError, match="cannot be read: No such file"):
        read_models_file(str(file))
    file.write_bytes(b"\xff")
    with pytest.raises(ModelsFileError, match="not UTF-8"):
        read_models_file(str(file))
    file.write_bytes(b"#" * 1_000_001)
    with pytest.raises(ModelsFileError, match="more than 1000000 bytes"):
        read_models_file(str(file))
