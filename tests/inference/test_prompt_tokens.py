"""The estimate of tokens is above what CLIP's tokenizer makes of these texts, and near it for English."""

import pytest

from inference.prompt_tokens import Tokenizer, estimate_tokens


@pytest.mark.parametrize(
    ("prompt", "tokens_of_clip"),
    [
        ("一只熊猫在竹林里慢慢地吃竹子阳光透过树叶洒在地上镜头缓缓推进。", 78),
        ("猫がゆっくりと歩いて、カメラが近づいていく。夕日が海に沈む。", 53),
        ("고양이가 천천히 걸어가고 카메라가 다가간다", 40),
        ("Кошка медленно идет по дороге, камера приближается", 50),
        ("החתול הולך לאט", 24),
        ("internationalization antidisestablishmentarianism characteristically electroencephalographically", 17),
    ],
)
def test_the_estimate_is_not_below_the_tokens(prompt: str, tokens_of_clip: int) -> None:
    assert tokens_of_clip <= estimate_tokens(prompt, "clip") <= 2 * tokens_of_clip


@pytest.mark.parametrize(
    "prompt",
    [
        "बिल्ली धीरे-धीरे चल रही है",
        "แมวเดินช้าๆ ไปตามถนน ๑๒",
        "قِطَّةٌ تَمْشِي",
        "🦫🦤🪿",
        "👩🏽‍🚀 ☂️",
        "😀😂🥰🐱🌊🎬🔥✨",
        "“—”…",
    ],
)
def test_outside_english_each_byte_may_be_a_token(prompt: str) -> None:
    assert estimate_tokens(prompt, "clip") == len("".join(prompt.split()).encode())


def test_the_estimate_is_near_the_tokens_of_an_english_prompt() -> None:
    prompt = (
        "A woman in a red dress walks through a crowded market at sunset, the camera follows her from behind while "
        "lanterns sway gently in the warm evening breeze, people turn their heads, and colorful fabrics flutter above "
        "the narrow street as birds fly across the orange sky. Soft focus, shallow depth of field, film grain."
    )
    assert 63 <= estimate_tokens(prompt, "clip") <= 75
    assert estimate_tokens("", "clip") == 0


@pytest.mark.parametrize("tokenizer", ["t5", "gemma"])
def test_vocabularies_of_many_languages_have_one_token_for_a_letter(tokenizer: Tokenizer) -> None:
    assert estimate_tokens("一只熊猫在竹林里慢慢地吃竹子。", tokenizer) == 15
    assert estimate_tokens("cat", tokenizer) == 1
    assert estimate_tokens("cats, dogs", tokenizer) == 3
