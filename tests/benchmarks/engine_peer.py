"""diffusers' own I2VGenXLPipeline as a process that responds to each JSON line with one; also creates checkpoints.

It runs in an environment of its own (see engine.py), so it imports none of our modules.

    engine_peer.py make FOLDER SIZE DEVICE          a checkpoint of random weights
    engine_peer.py serve FOLDER DEVICE CLIP_SKIP    one request a line until the input ends
"""

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, I2VGenXLPipeline, I2VGenXLUNet
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from PIL import Image
from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

TINY = Path(__file__).parents[1] / "reference" / "i2vgen-xl-tiny"
SIZES: dict[str, dict[str, Any]] = {
    "bench": {
        "unet": {"block_out_channels": (64, 128, 256, 256), "attention_head_dim": 32, "cross_attention_dim": 1024},
        "vae": {"block_out_channels": (32, 64, 128, 128), "layers_per_block": 1},
        "text": {"hidden_size": 1024, "intermediate_size": 1024, "num_hidden_layers": 3, "num_attention_heads": 16},
        "vision": {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 3, "num_attention_heads": 4},
    },
    # The published model's own shapes.
    "full": {
        "unet": {},
        "vae": {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2},
        "text": {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23, "num_attention_heads": 16},
        "vision": {
            "hidden_size": 1280,
            "intermediate_size": 5120,
            "num_hidden_layers": 32,
            "num_attention_heads": 16,
            "patch_size": 14,
        },
    },
}


def make(folder: Path, size: str, device: str) -> None:
    """Create random weights, none of them zero: zeroed layers would hide differences. On CUDA in half precision."""
    shape, half = SIZES[size], device.startswith("cuda")
    torch.manual_seed(0)
    with torch.device(device):
        unet: Any = I2VGenXLUNet(**shape["unet"])
        vae = AutoencoderKL(
            **shape["vae"],
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4,
        )
        text = CLIPTextModel(
            CLIPTextConfig(vocab_size=522, bos_token_id=520, eos_token_id=521, hidden_act="gelu", **shape["text"])
        )
        width = unet.config.cross_attention_dim
        vision = CLIPVisionModelWithProjection(
            CLIPVisionConfig(projection_dim=width, hidden_act="gelu", **shape["vision"])
        )
        for parameter in unet.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.02)
    pipeline: Any = I2VGenXLPipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=CLIPTokenizer.from_pretrained(TINY / "tokenizer"),
        image_encoder=vision,
        feature_extractor=CLIPImageProcessor(crop_size=224, size=224),
        unet=unet,
        scheduler=DDIMScheduler.from_pretrained(TINY / "scheduler"),
    )
    pipeline.to(dtype=torch.float16 if half else torch.float32)
    pipeline.save_pretrained(folder, variant="fp16" if half else None)
    # Newer tokenizers save one file; checkpoints of this model have the two classic ones.
    shutil.copytree(TINY / "tokenizer", folder / "tokenizer", dirs_exist_ok=True)


def serve(folder: str, device: str, clip_skip: int | None) -> None:
    """Respond to each request with its seconds, the seconds for decoding, and the peak of device memory."""
    # The pipeline draws the image latent from the global random state; the mode makes outputs comparable.
    setattr(DiagonalGaussianDistribution, "sample", lambda self, generator=None: self.mode())  # noqa: B010 (a method)
    half = device.startswith("cuda")
    pipeline: Any = I2VGenXLPipeline.from_pretrained(
        folder, torch_dtype=torch.float16 if half else torch.float32, variant="fp16" if half else None
    )
    pipeline.to(device)
    pipeline.set_progress_bar_config(disable=True)
    original = pipeline.decode_latents
    seen: dict[str, Any] = {}

    def decode_latents(latents: torch.Tensor, **options: Any) -> Any:
        synchronize(device)
        start = time.perf_counter()
        video = original(latents, **options)
        synchronize(device)
        seen.update(latents=latents.float().cpu().numpy(), decode_seconds=time.perf_counter() - start)
        return video

    pipeline.decode_latents = decode_latents
    write_response({"ready": True, "parameters": sum(p.numel() for p in pipeline.unet.parameters())})
    for line in sys.stdin:
        request = json.loads(line)
        if half:
            torch.cuda.reset_peak_memory_stats()
        image = Image.open(request["image"]).convert("RGB")
        start = time.perf_counter()
        frames = run(pipeline, request, image, clip_skip)
        seconds = time.perf_counter() - start
        if request["out"]:
            np.savez(request["out"], latents=seen["latents"], frames=(frames * 255).round().astype(np.uint8))
        peak = torch.cuda.max_memory_allocated() >> 20 if half else 0
        write_response({"seconds": seconds, "decode_seconds": seen["decode_seconds"], "peak_mb": peak})


def run(pipeline: Any, request: dict[str, Any], image: Image.Image, clip_skip: int | None) -> Any:
    return pipeline(
        prompt=request["prompt"],
        image=image,
        width=request["width"],
        height=request["height"],
        num_frames=request["num_frames"],
        target_fps=request["fps"],
        num_inference_steps=request["steps"],
        guidance_scale=request["guidance_scale"],
        generator=torch.Generator("cpu").manual_seed(request["seed"]),
        clip_skip=clip_skip,
        output_type="np",
    ).frames[0]


def synchronize(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def write_response(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    command, target, *rest = sys.argv[1:]
    if command == "make":
        make(Path(target), *rest)
    else:
        serve(target, rest[0], None if rest[1] == "none" else int(rest[1]))
