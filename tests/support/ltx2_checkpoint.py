"""Tiny checkpoints of LTX-2 with random weights, half a megabyte each, and LoRAs for them."""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    FlowMatchEulerDiscreteScheduler,
    LTX2Pipeline,
    LTX2VideoTransformer3DModel,
)
from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder
from peft import LoraConfig, get_peft_model_state_dict
from transformers import Gemma3Config, Gemma3ForConditionalGeneration

from tests.support.wan_checkpoint import make_tokenizer

SAMPLE_RATE = 16000
_TEXT_WIDTH = 16
_TEXT_LAYERS = 2


def make_ltx2_checkpoint(folder: Path) -> None:
    """Save a pipeline, and its latent upsampler in a folder of its own, as the published checkpoints have it."""
    torch.manual_seed(0)
    pipeline: Any = LTX2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(
            use_dynamic_shifting=True, base_shift=0.95, max_shift=2.05, shift_terminal=0.1
        ),
        vae=_vae(),
        audio_vae=_audio_vae(),
        text_encoder=_text_encoder(),
        tokenizer=make_tokenizer(),
        connectors=_connectors(),
        transformer=_transformer(),
        vocoder=_vocoder(),
    )
    pipeline.save_pretrained(folder)
    upsampler: Any = LTX2LatentUpsamplerModel(
        in_channels=4, mid_channels=32, num_blocks_per_stage=1, use_rational_resampler=False
    )
    upsampler.save_pretrained(folder / "latent_upsampler")


def make_ltx2_lora(file: Path, checkpoint: Path) -> None:
    """Save a LoRA of random weights for the attention of the transformer, in the keys of diffusers."""
    torch.manual_seed(1)
    transformer: Any = LTX2VideoTransformer3DModel.from_pretrained(checkpoint / "transformer")
    transformer.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False))
    LTX2Pipeline.save_lora_weights(
        file.parent, transformer_lora_layers=get_peft_model_state_dict(transformer), weight_name=file.name
    )


def _text_encoder() -> Any:
    text = {
        "vocab_size": 48,
        "hidden_size": _TEXT_WIDTH,
        "intermediate_size": 16,
        "num_hidden_layers": _TEXT_LAYERS,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
    }
    vision = {
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "image_size": 28,
        "patch_size": 14,
    }
    return Gemma3ForConditionalGeneration(Gemma3Config(text_config=text, vision_config=vision)).eval()


def _connectors() -> Any:
    sides = {
        f"{side}_connector_{name}": value
        for side in ("video", "audio")
        for name, value in {
            "num_attention_heads": 2,
            "attention_head_dim": 8,
            "num_layers": 1,
            "num_learnable_registers": None,
        }.items()
    }
    return LTX2TextConnectors(
        caption_channels=_TEXT_WIDTH,
        text_proj_in_factor=_TEXT_LAYERS + 1,
        **sides,
        connector_rope_base_seq_len=32,
        rope_theta=10000.0,
        rope_double_precision=False,
        causal_temporal_positioning=False,
        rope_type="split",
    )


def _transformer() -> Any:
    return LTX2VideoTransformer3DModel(
        in_channels=4,
        out_channels=4,
        patch_size=1,
        patch_size_t=1,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        audio_in_channels=4,
        audio_out_channels=4,
        audio_num_attention_heads=2,
        audio_attention_head_dim=4,
        audio_cross_attention_dim=8,
        num_layers=2,
        qk_norm="rms_norm_across_heads",
        caption_channels=_TEXT_WIDTH,
        rope_double_precision=False,
        rope_type="split",
    )


def _vae() -> Any:
    """An autoencoder that shrinks sides to a sixteenth and frames to a half."""
    return AutoencoderKLLTX2Video(
        latent_channels=4,
        block_out_channels=(8,),
        decoder_block_out_channels=(8,),
        layers_per_block=(1,),
        decoder_layers_per_block=(1, 1),
        spatio_temporal_scaling=(True,),
        decoder_spatio_temporal_scaling=(True,),
        decoder_inject_noise=(False, False),
        downsample_type=("spatiotemporal",),
        upsample_residual=(False,),
        upsample_factor=(1,),
        timestep_conditioning=False,
        patch_size=8,
        patch_size_t=1,
    )


def _audio_vae() -> Any:
    return AutoencoderKLLTX2Audio(
        base_channels=4,
        ch_mult=(1,),
        num_res_blocks=1,
        resolution=32,
        latent_channels=2,
        sample_rate=SAMPLE_RATE,
        mel_hop_length=160,
        mel_bins=8,
    )


def _vocoder() -> Any:
    return LTX2Vocoder(
        in_channels=16,
        hidden_channels=32,
        upsample_kernel_sizes=[4, 4],
        upsample_factors=[2, 2],
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1, 3, 5]],
        output_sampling_rate=SAMPLE_RATE,
    )
