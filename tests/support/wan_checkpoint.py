"""Tiny checkpoints of Wan with random weights, half a megabyte each, and LoRAs for them."""

from pathlib import Path
from typing import Any, Literal

import gguf
import torch
from diffusers import (
    AutoencoderKLWan,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
)
from peft import LoraConfig, get_peft_model_state_dict
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

Kind = Literal["ti2v", "i2v-a14b", "t2v"]

WORDS = ["<pad>", "</s>", "<unk>", "a", "the", "cat", "dog", "its", "head", "turns", "runs", "sails", "red", "blue"]
TEXT_WIDTH = 16


def make_wan_checkpoint(folder: Path, kind: Kind) -> None:
    """Save a pipeline: Wan 2.2 TI2V-5B, Wan 2.2 I2V-A14B with its two experts, or a model for text alone."""
    torch.manual_seed(0)
    common: dict[str, Any] = {
        "tokenizer": make_tokenizer(),
        "text_encoder": _text_encoder(),
        "scheduler": UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0, num_train_timesteps=1000
        ),
    }
    if kind == "ti2v":
        transformer = _transformer(in_channels=48, out_channels=48)
        # The published checkpoint names this class too, although it also takes an image.
        pipeline: Any = WanPipeline(**common, vae=_vae_16x(), transformer=transformer, expand_timesteps=True)
    elif kind == "t2v":
        pipeline = WanPipeline(**common, vae=_vae_8x(), transformer=_transformer(in_channels=16, out_channels=16))
    else:
        experts = {
            name: _transformer(in_channels=36, out_channels=16) for name in ("transformer", "transformer_2")
        }  # 16 channels of noise, 16 of the images, 4 of their mask
        pipeline = WanImageToVideoPipeline(**common, vae=_vae_8x(), **experts, boundary_ratio=0.9)
    pipeline.save_pretrained(folder)


def make_lora(file: Path, checkpoint: Path, seed: int) -> None:
    """Save a LoRA of random weights for the attention of a transformer, in the keys of diffusers."""
    torch.manual_seed(seed)
    transformer: Any = WanTransformer3DModel.from_pretrained(checkpoint / "transformer")
    transformer.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False))
    WanImageToVideoPipeline.save_lora_weights(
        file.parent, transformer_lora_layers=get_peft_model_state_dict(transformer), weight_name=file.name
    )


def make_gguf(file: Path, checkpoint: Path, network: str = "transformer") -> None:
    """Save the weights of a transformer with eight bits each, where 32 of them are in a row, else as they are."""
    transformer: Any = WanTransformer3DModel.from_pretrained(checkpoint / network)
    writer = gguf.GGUFWriter(str(file), "wan")
    for name, parameter in transformer.state_dict().items():
        weights = parameter.numpy()
        if weights.ndim == 2 and weights.shape[1] % 32 == 0 and name.startswith("blocks."):
            eight_bits = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(weights, eight_bits), raw_dtype=eight_bits)
        else:
            writer.add_tensor(name, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_tokenizer() -> PreTrainedTokenizerFast:
    words = [*WORDS, *(f"word{number}" for number in range(48 - len(WORDS)))]
    tokenizer = Tokenizer(models.WordLevel({word: id_ for id_, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    )


def _text_encoder() -> Any:
    return UMT5EncoderModel(
        UMT5Config(vocab_size=48, d_model=TEXT_WIDTH, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    ).eval()


def _transformer(*, in_channels: int, out_channels: int) -> Any:
    return WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=in_channels,
        out_channels=out_channels,
        text_dim=TEXT_WIDTH,
        freq_dim=16,
        ffn_dim=32,
        num_layers=1,
        rope_max_seq_len=32,
    )


def _vae_8x() -> Any:
    return AutoencoderKLWan(base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1)


def _vae_16x() -> Any:
    """An autoencoder like that of Wan 2.2 TI2V-5B, which joins pixels in patches of 2 x 2 first."""
    return AutoencoderKLWan(
        base_dim=4,
        decoder_base_dim=4,
        z_dim=48,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        is_residual=True,
        in_channels=12,
        out_channels=12,
        patch_size=2,
        scale_factor_spatial=16,
        latents_mean=[0.0] * 48,
        latents_std=[1.0] * 48,
    )
