"""Encode prompts as I2VGen-XL expects them, and apply guidance."""

from typing import Any

import torch
from torch import Tensor


def encode_prompts(tokenizer: Any, text_encoder: Any, prompts: list[str]) -> Tensor:
    """Return (prompts, 77, width): the penultimate hidden state of CLIP's text model after its final layer norm.

    Prompts are truncated to 77 tokens.
    """
    tokens = tokenizer(
        prompts, padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt"
    )
    output = text_encoder(tokens.input_ids.to(text_encoder.device), output_hidden_states=True)
    encoded: Tensor = text_encoder.final_layer_norm(output.hidden_states[-2])
    return encoded


def guidance_prompts(prompt: str, negative_prompt: str, *, guided: bool) -> list[str]:
    """Return the prompts in the order of the batch: with guidance, the negative prompt first."""
    return [negative_prompt, prompt] if guided else [prompt]


def apply_guidance(prediction: Tensor, scale: float, *, guided: bool) -> Tensor:
    """Apply classifier-free guidance (https://arxiv.org/abs/2207.12598).

    The result is unconditional + scale * (conditional - unconditional).
    prediction: (2 * frames, channels, height, width), or (frames, ...) if not guided. Returns (frames, ...).
    """
    if not guided:
        return prediction
    unconditional, conditional = prediction.chunk(2)
    return torch.lerp(unconditional, conditional, scale)
