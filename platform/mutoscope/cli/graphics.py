"""Draws images in a terminal: with its graphics protocol if it has one, else as half blocks in true color.

kitty: https://sw.kovidgoyal.net/kitty/graphics-protocol/; iTerm2: https://iterm2.com/documentation-images.html
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError
from rich.color import Color
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import ControlType, Segment
from rich.style import Style

_MAX_ROWS, _MAX_SCREEN_FRACTION = 14, 0.5
# Height of a character cell divided by its width, approximately.
_CELL_ASPECT_RATIO = 2
_KITTY_CHUNK_CHARS = 4096
_IMAGE_ID = 7093
_CONTROL = [(ControlType.BELL,)]  # any control code works: rich gives control segments no width


def graphics_protocol(console: Console) -> str | None:
    """Returns kitty, iterm or blocks, or None if the terminal cannot show images."""
    if not console.is_terminal or console.is_dumb_terminal:
        return None
    environ = os.environ
    # tmux and screen do not forward the escape sequences.
    if not ({"TMUX", "STY"} & environ.keys()):
        if environ.get("TERM") == "xterm-kitty" or "KITTY_WINDOW_ID" in environ or _terminal_program() == "ghostty":
            return "kitty"
        if _terminal_program() in {"iTerm.app", "WezTerm"} or environ.get("LC_TERMINAL") == "iTerm2":
            return "iterm"
    return "blocks" if console.color_system == "truecolor" and not console.no_color else None


def _terminal_program() -> str:
    return os.environ.get("TERM_PROGRAM", "")


@dataclass
class Preview:
    """The latest preview of a video; renders nothing before the first one."""

    protocol: str
    jpeg: bytes = b""

    def show(self, jpeg: bytes) -> None:
        """Replaces the preview. Ignores an image that cannot be read."""
        try:
            Image.open(io.BytesIO(jpeg)).verify()
        except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError):
            return
        self.jpeg = jpeg

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.jpeg:
            return
        image = Image.open(io.BytesIO(self.jpeg)).convert("RGB")
        rows = max(2, min(_MAX_ROWS, int(console.size.height * _MAX_SCREEN_FRACTION)))
        columns = round(rows * _CELL_ASPECT_RATIO * image.width / image.height)
        if columns > options.max_width:
            columns = options.max_width
            rows = max(2, round(columns / _CELL_ASPECT_RATIO * image.height / image.width))
        if self.protocol == "blocks":
            yield from _blocks(image.resize((columns, 2 * rows)))
            return
        # Print empty lines first and draw over them. At the bottom of the screen the image would scroll otherwise.
        yield from [Segment.line()] * rows
        escape = _ESCAPES[self.protocol](self.jpeg, image, columns, rows)
        yield Segment(f"\x1b7\x1b[{rows}A\r{escape}\x1b8", None, _CONTROL)

    def clear_sequence(self) -> str:
        """Returns the escape sequence that removes the image."""
        return f"\x1b_Ga=d,d=I,i={_IMAGE_ID},q=2\x1b\\" if self.protocol == "kitty" and self.jpeg else ""


def _blocks(image: Image.Image) -> RenderResult:
    """Yields two pixels per cell: the upper in the foreground color, the lower in the background color."""
    pixels = image.tobytes()
    width = image.width

    def color(x: int, y: int) -> Color:
        start = 3 * (y * width + x)
        return Color.from_rgb(*pixels[start : start + 3])

    for y in range(0, image.height, 2):
        for x in range(width):
            yield Segment("▀", Style(color=color(x, y), bgcolor=color(x, y + 1)))
        yield Segment.line()


def _kitty(_jpeg: bytes, image: Image.Image, columns: int, rows: int) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    chunks = [data[start : start + _KITTY_CHUNK_CHARS] for start in range(0, len(data), _KITTY_CHUNK_CHARS)]
    header = f"a=T,f=100,q=2,C=1,i={_IMAGE_ID},p=1,c={columns},r={rows},"
    return "".join(
        f"\x1b_G{header if number == 0 else ''}m={int(number < len(chunks) - 1)};{chunk}\x1b\\"
        for number, chunk in enumerate(chunks)
    )


def _iterm(jpeg: bytes, _image: Image.Image, columns: int, rows: int) -> str:
    data = base64.b64encode(jpeg).decode()
    return f"\x1b]1337;File=inline=1;size={len(jpeg)};width={columns};height={rows};preserveAspectRatio=0:{data}\x07"


_ESCAPES: dict[str, Callable[[bytes, Image.Image, int, int], str]] = {"kitty": _kitty, "iterm": _iterm}
