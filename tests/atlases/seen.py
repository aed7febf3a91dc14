"""An atlas in a browser, what its map shows, and what it should show."""

import numpy as np
import torch

# the state where there is no weight: the end of a broken line
PAD = 4


def opened(chromium, file, **how):
    page = chromium.new_page(**{"viewport": {"width": 1280, "height": 900}} | how)
    page.told, page.asked = [], []
    page.on("console", lambda message: page.told.append(message.text))
    page.on("pageerror", lambda error: page.told.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_selector("#map[data-drawn]")
    return page


def wait_until(page, question, value):
    """Asks from outside: the page's policy lets playwright put no question of its own into it."""
    for _ in range(200):
        if page.evaluate(question, value):
            return
        page.wait_for_timeout(20)
    raise AssertionError(question)


def look(page):
    """The pixels of the map as it is now, and what is in view: zoom, origin, stretch, cells of the level."""
    found = page.evaluate(
        """() => {
          const {map} = maskscopeAtlas, {canvas, view, picture} = map;
          map.pick = null;
          map.drawNow();
          const level = picture.levels.find(one => view.zoom * picture.stretchX * one.across >= 1
            && view.zoom * picture.stretchY * one.down >= 1);
          const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          let text = "";
          for (let i = 0; i < data.length; i += 4) text += String.fromCharCode(data[i], data[i + 1], data[i + 2]);
          return {
            text, width: canvas.width, height: canvas.height, palette: map.palette.states,
            x: view.x, y: view.y, wide: view.zoom * picture.stretchX, high: view.zoom * picture.stretchY,
            across: level.across, down: level.down,
          };
        }"""
    )
    pixels = np.frombuffer(found.pop("text").encode("latin-1"), np.uint8).reshape(found["height"], found["width"], 3)
    return pixels, found


def states(first, second, name):
    """The state of each weight on the sheet: 1 only A, 2 only B, 3 both."""
    bits = first[name].int() + (2 * second[name].int() if second is not None else 0)
    if bits.dim() == 1:
        lines = torch.full((3, 64), PAD)
        lines.view(-1)[: len(bits)] = bits
        return lines.numpy()
    if bits.dim() == 4:
        out, into, high, wide = bits.shape
        bits = bits.permute(0, 2, 1, 3).reshape(out * high, into * wide)
    return bits.numpy()


def lightness(colour):
    """CIE L*, from 0 to 100."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (one / 255 for one in colour)]
    luminance = float(np.dot(linear, [0.2126, 0.7152, 0.0722]))
    return 116 * luminance ** (1 / 3) - 16 if luminance > 0.008856 else 903.3 * luminance
