"""Odd images look as Chromium shows them. Chromium shows no HEIC: there a PNG stands for it."""

import base64
import io

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from inference.image_decoding.decode import decode_image
from tests.support.browser import Browser
from tests.support.odd_images import OddImage, odd_images

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


def rendering(page: Page, image: OddImage) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    data, media_type = (image.twin, "image/png") if image.twin else (image.data, image.media_type)
    url = page.evaluate(_DRAW, f"data:{media_type};base64,{base64.b64encode(data).decode()}")
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
