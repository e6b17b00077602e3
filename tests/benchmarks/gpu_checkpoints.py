"""Checkpoints of random weights: of the published size, or tiny. Nothing is downloaded.

The configurations are those of the published checkpoints, read on their pages. `tiny` replaces what decides the size.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLWan,
    I2VGenXLUNet,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
)
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    PreTrainedTokenizerFast,
    UMT5Config,
    UMT5EncoderModel,
)

Config = dict[str, Any]
TINY_I2VGENXL = Path(__file__).parents[1] / "reference" / "i2vgen-xl-tiny"

WAN_TRANSFORMER: Config = {
    "patch_size": (1, 2, 2),
    "attention_head_dim": 128,
    "freq_dim": 256,
    "text_dim": 4096,
    "cross_attn_norm": True,
    "qk_norm": "rms_norm_across_heads",
    "eps": 1e-6,
    "rope_max_seq_len": 1024,
}
WAN_5B: Config = WAN_TRANSFORMER | {
    "num_attention_heads": 24, "num_layers": 30, "ffn_dim": 14336, "in_channels": 48, "out_channels": 48,
}  # fmt: skip
WAN_14B: Config = WAN_TRANSFORMER | {
    "num_attention_heads": 40, "num_layers": 40, "ffn_dim": 13824, "in_channels": 36, "out_channels": 16,
}  # fmt: skip
WAN_TRANSFORMER_TINY: Config = {
    "num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 1, "ffn_dim": 32, "freq_dim": 16, "text_dim": 16,
    "rope_max_seq_len": 32,
}  # fmt: skip
WAN_VAE_5B: Config = {
    "base_dim": 160,
    "decoder_base_dim": 256,
    "z_dim": 48,
    "dim_mult": [1, 2, 4, 4],
    "num_res_blocks": 2,
    "is_residual": True,
    "in_channels": 12,
    "out_channels": 12,
    "patch_size": 2,
    "scale_factor_spatial": 16,
    "latents_mean": [0.0] * 48,
    "latents_std": [1.0] * 48,
}
WAN_VAE_5B_TINY: Config = {"base_dim": 4, "decoder_base_dim": 4, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}
WAN_VAE_14B: Config = {"base_dim": 96, "z_dim": 16, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2}
WAN_VAE_14B_TINY: Config = {"base_dim": 3, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}
UMT5_XXL: Config = {
    "vocab_size": 256384, "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64,
    "feed_forward_proj": "gated-gelu",
}  # fmt: skip
UMT5_SMALL: Config = {"vocab_size": 48, "num_layers": 1}
UMT5_TINY: Config = {"vocab_size": 48, "d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
WAN_SCHEDULER: Config = {
    "prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": 5.0, "num_train_timesteps": 1000,
}  # fmt: skip

CLIP_TEXT_H: Config = {
    "vocab_size": 49408, "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23,
    "num_attention_heads": 16, "hidden_act": "gelu", "projection_dim": 512,
}  # fmt: skip
CLIP_VISION_H: Config = {
    "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 16,
    "patch_size": 14, "image_size": 224, "projection_dim": 1024, "hidden_act": "gelu",
}  # fmt: skip
STABLE_DIFFUSION_VAE: Config = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "sample_size": 768,
}


class Builder:
    """Saves checkpoints. is_tiny: for a rehearsal. small_text_encoder: one layer of the published width."""

    def __init__(self, device: str, *, is_tiny: bool, small_text_encoder: bool) -> None:
        self._device, self._is_tiny, self._small_text_encoder = device, is_tiny, small_text_encoder

    def build(self, model: str, folder: Path) -> None:
        """Save the checkpoint of a model. Raises KeyError if there is no configuration for it."""
        build: Callable[[Path], None] = {
            "i2vgen-xl": self._build_i2vgenxl,
            "wan-i2v-a14b": self._build_wan_14b,
            "wan-ti2v-5b": self._build_wan_5b,
        }[model]
        build(folder)

    def _build_wan_5b(self, folder: Path) -> None:
        transformer = self._network(WanTransformer3DModel, WAN_5B, WAN_TRANSFORMER_TINY)
        vae = self._network(AutoencoderKLWan, WAN_VAE_5B, WAN_VAE_5B_TINY)
        pipeline: Any = WanPipeline(**self._wan_parts(), vae=vae, transformer=transformer, expand_timesteps=True)
        pipeline.save_pretrained(folder)

    def _build_wan_14b(self, folder: Path) -> None:
        transformer = self._network(WanTransformer3DModel, WAN_14B, WAN_TRANSFORMER_TINY)
        vae = self._network(AutoencoderKLWan, WAN_VAE_14B, WAN_VAE_14B_TINY)
        pipeline: Any = WanImageToVideoPipeline(
            **self._wan_parts(), vae=vae, transformer=transformer, transformer_2=None, boundary_ratio=0.9
        )
        pipeline.save_pretrained(folder)
        # Both experts have the same random weights: a second file would take 28 GB of the disk.
        (folder / "transformer_2").symlink_to("transformer", target_is_directory=True)
        index = folder / "model_index.json"
        name = '["diffusers", "WanTransformer3DModel"]'
        text = index.read_text().replace('"transformer_2": [\n    null,\n    null\n  ]', f'"transformer_2": {name}')
        index.write_text(text)

    def _wan_parts(self) -> dict[str, Any]:
        small = UMT5_SMALL if self._small_text_encoder else {}
        config = UMT5_XXL | (UMT5_TINY if self._is_tiny else small)
        text_encoder = self._create(lambda: UMT5EncoderModel(UMT5Config(**config)))
        text_encoder.tie_weights()
        return {
            "tokenizer": _word_tokenizer(),
            "text_encoder": text_encoder,
            "scheduler": UniPCMultistepScheduler(**WAN_SCHEDULER),
        }

    def _build_i2vgenxl(self, folder: Path) -> None:
        shutil.copytree(TINY_I2VGENXL, folder, dirs_exist_ok=True)
        if self._is_tiny:
            return
        networks: dict[str, Callable[[], Any]] = {
            "unet": I2VGenXLUNet,
            "vae": lambda: AutoencoderKL(**STABLE_DIFFUSION_VAE),
            "text_encoder": lambda: CLIPTextModel(CLIPTextConfig(**CLIP_TEXT_H)),
            "image_encoder": lambda: CLIPVisionModelWithProjection(CLIPVisionConfig(**CLIP_VISION_H)),
        }
        for name, create in networks.items():
            shutil.rmtree(folder / name)
            self._create(create, torch.float16).save_pretrained(folder / name, variant="fp16")

    def _network(self, network_class: Any, config: Config, tiny: Config) -> Any:
        return self._create(lambda: network_class(**(config | (tiny if self._is_tiny else {}))))

    def _create(self, create: Callable[[], nn.Module], dtype: torch.dtype = torch.bfloat16) -> Any:
        """Return a network with small random weights, drawn on the device: on a CPU they take minutes."""
        default = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            with torch.device("meta"):
                network = create().to_empty(device=self._device)
        finally:
            torch.set_default_dtype(default)
        generator = torch.Generator(self._device).manual_seed(0)
        for name, tensor in network.state_dict().items():
            if not tensor.is_floating_point():
                continue
            if "norm" in name and name.endswith(("weight", "gamma")):
                tensor.fill_(1.0)
            else:
                tensor.normal_(0.0, 0.02, generator=generator)
        return network.to("cpu").eval()


def _word_tokenizer() -> PreTrainedTokenizerFast:
    words = ["<pad>", "</s>", "<unk>", "a", "the", "cat", "turns", "its", "head"]
    words += [f"word{number}" for number in range(48 - len(words))]
    tokenizer = Tokenizer(models.WordLevel({word: id_ for id_, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    )
