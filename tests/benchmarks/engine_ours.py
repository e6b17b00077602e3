"""Our engine as a process that responds to each JSON line with one JSON line, in the format of engine_peer.py.

engine_ours.py FOLDER DEVICE
"""

import json
import statistics
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inference.engines.i2vgenxl.engine import I2VGenXLEngine
from inference.generation import GenerationInputs, GenerationRequest
from inference.image_decoding.decode import decode_image


def serve(folder: str, device: str) -> None:
    engine = I2VGenXLEngine(folder, device)
    engine.load()
    write_response({"ready": True})
    for line in sys.stdin:
        fields = json.loads(line)
        image, out = fields.pop("image"), fields.pop("out")
        write_response(run(engine, GenerationRequest(**fields), image, out))


def run(engine: I2VGenXLEngine, request: GenerationRequest, image: str, out: str | None) -> dict[str, Any]:
    inputs = GenerationInputs(decode_image(Path(image).read_bytes()))
    on_cuda = engine.device.startswith("cuda")
    if on_cuda:
        torch.cuda.reset_peak_memory_stats()
    times: list[float] = []
    start = time.perf_counter()
    latents = engine.denoise(request, inputs, lambda _step, _total: times.append(time.perf_counter()))
    denoised = time.perf_counter()
    frames = np.concatenate([*engine.decode(latents, request, lambda _step, _total: None)])
    end = time.perf_counter()
    if out:
        np.savez(out, latents=latents, frames=frames)
    return {
        "seconds": end - start,
        "decode_seconds": end - denoised,
        "step_seconds": statistics.median(b - a for a, b in pairwise(times)) if len(times) > 1 else None,
        "before_second_step_seconds": times[0] - start,
        "peak_mb": torch.cuda.max_memory_allocated() >> 20 if on_cuda else 0,
    }


def write_response(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve(*sys.argv[1:])
