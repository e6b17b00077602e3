"""The counts of words were made by the tokenizer of open_clip."""

import time

import pytest

from inference.clip_tokens import exceeds_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("the camera slowly pans left across a snowy mountain village while smoke rises from chimneys", 16),
        ("The Camera's view, 1920 lights", 10),
        ("internationalization electroencephalography counterrevolutionary", 9),
        ("雪花慢慢落在安静的山谷里\uff0c镜头缓缓向右移动\uff0c远处的灯火闪烁。", 80),
        ("桜の花びらが風に舞い、カメラがゆっくりと右へ移動する。", 50),
        ("눈이 천천히 내리고 카메라가 오른쪽으로 움직인다", 48),
        ("Der Schnee fällt langsam, die Kamera bewegt sich nach rechts, Geschwindigkeitsbegrenzung", 33),
        ("🌧🚀🎉😀👩\u200d🚀❤️🔥", 9),
        ("a" * 20, 3),
    ],
)
def test_tokens_are_counted_as_the_model_does(text: str, tokens: int) -> None:
    assert not exceeds_tokens(text, tokens + 2)
    assert exceeds_tokens(text, tokens + 1)


@pytest.mark.parametrize("text", ["", " \n", "a" * 75, "a b " * 37])
def test_a_short_prompt_fits(text: str) -> None:
    assert not exceeds_tokens(text, 77)


@pytest.mark.parametrize("text", ["雪" * 114, "ゆきがふる" * 23, "incomprehensibilities " * 35, "👩🏽\u200d🚀" * 75])
def test_a_long_prompt_does_not_fit(text: str) -> None:
    assert exceeds_tokens(text, 77)


def test_a_word_of_thousands_of_letters_takes_little_time() -> None:
    started = time.process_time()
    exceeds_tokens("ab" * 5000, 10_000)
    assert time.process_time() - started < 5
