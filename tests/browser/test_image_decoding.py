"""Odd images look as Chromium shows them. Chromium shows no HEIC: there a PNG stands for it."""

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from inference.encoding import write_mp4
from inference.engines.base import load_engine
from inference.generation import GenerationInputs, GenerationRequest
from inference.image_decoding.decode import decode_image
from tests.support.browser import Browser
from tests.support.frames import generate_frames
from tests.support.odd_images import OddImage, encode, odd_images, profiles

MAX_MEAN_DIFFERENCE = 12
_DRAW = """async (url) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0);
  return canvas.toDataURL("image/png");
}"""


_DRAW_FIRST_FRAME = """async (url) => {
  const video = Object.assign(document.createElement("video"), { muted: true, src: url });
  await new Promise((resolve, reject) => {
    video.onerror = reject;
    video.requestVideoFrameCallback(resolve);
  });
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  return canvas.toDataURL("image/png");
}"""


def rendering(page: Page, image: OddImage) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    data, media_type = (image.twin, "image/png") if image.twin else (image.data, image.media_type)
    url = page.evaluate(_DRAW, f"data:{media_type};base64,{base64.b64encode(data).decode()}")
    return pixels(url)


def pixels(url: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    """Return the pixels of an image in a data URL."""
    drawn = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    return np.asarray(drawn.convert("RGB")).astype(np.int64)


def test_odd_images_look_as_in_chromium(browser: Browser) -> None:
    images = list(odd_images())
    assert 50 <= len(images) <= 60

    def scenario(page: Page) -> dict[str, object]:
        faults: dict[str, object] = {}
        for image in images:
            theirs, ours = rendering(page, image), np.asarray(decode_image(image.data)).astype(np.int64)
            if theirs.shape != ours.shape:
                faults[image.name] = (theirs.shape, ours.shape)
            elif (difference := np.abs(theirs - ours).mean()) > MAX_MEAN_DIFFERENCE:
                faults[image.name] = difference
        return faults

    assert browser.run("http://localhost", scenario) == {}


def test_the_first_frame_of_a_video_has_the_colors_of_its_image(browser: Browser, tmp_path: Path) -> None:
    """One color in Display P3, since the camera moves. Taken for sRGB, it would differ by more than the limit."""
    data = encode(Image.new("RGB", (96, 64), (120, 200, 40)), "PNG", icc_profile=profiles()["p3"])
    image = OddImage("p3", data, "image/png")
    request = GenerationRequest(
        prompt="x", width=96, height=64, num_frames=8, fps=8, steps=1, guidance_scale=1.0, seed=1
    )
    frames = generate_frames(
        load_engine("camera"), request, GenerationInputs(decode_image(data)), lambda _step, _total: None
    )
    write_mp4(frames, request.fps, tmp_path / "video.mp4")
    video = base64.b64encode((tmp_path / "video.mp4").read_bytes()).decode()

    def scenario(page: Page) -> float:
        first_frame = pixels(page.evaluate(_DRAW_FIRST_FRAME, f"data:video/mp4;base64,{video}"))
        return float(np.abs(first_frame - rendering(page, image)).mean())

    assert browser.run("http://localhost", scenario) < MAX_MEAN_DIFFERENCE
    assert np.abs(np.asarray(decode_image(data)).astype(np.int64) - (120, 200, 40)).mean() > MAX_MEAN_DIFFERENCE
