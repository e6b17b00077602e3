"""Prompts to the text conditioning that I2VGen-XL was trained on."""

from typing import Any

import torch
from torch import Tensor


def encode_prompts(tokenizer: Any, text_encoder: Any, prompts: list[str]) -> Tensor:
    """(prompts, 77, width): the penultimate hidden state of CLIP's text model, through its final layer norm.

    What lies beyond 77 tokens is cut off.
    """
    tokens = tokenizer(
        prompts, padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt"
    )
    output = text_encoder(tokens.input_ids.to(text_encoder.device), output_hidden_states=True)
    encoded: Tensor = text_encoder.final_layer_norm(output.hidden_states[-2])
    return encoded


def guidance_prompts(prompt: str, negative_prompt: str, *, guided: bool) -> list[str]:
    """In the order of the guidance halves: what to stay away from, then what to make."""
    return [negative_prompt, prompt] if guided else [prompt]


def apply_guidance(prediction: Tensor, scale: float, *, guided: bool) -> Tensor:
    """Classifier-free guidance (https://arxiv.org/abs/2207.12598): away from the first half, towards the second."""
    if not guided:
        return prediction
    unconditional, conditional = prediction.chunk(2)
    return torch.lerp(unconditional, conditional, scale)
