// From a picture to pixels.

const SHOWN = { or: [1, 2, 3], and: [3], "a-b": [1], "b-a": [2], xor: [1, 2] };
const LINES_FROM = 8;  // pixels of a weight, or of a kernel, from which on thin lines part them
const MOST_KNOWN = 64;  // weights under a cell up to which the colour of each kind of cell is computed once
const STRETCH = 3;  // a cell with so many times the mean share of kept weights has the full colour

function paletteOf(element) {
  const style = getComputedStyle(element);
  const colour = name => {
    const hex = style.getPropertyValue(name).trim();
    return [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
  };
  return { states: ["--neither", "--only-a", "--only-b", "--both", "--ground"].map(colour), pick: style.getPropertyValue("--pick").trim(),
    name: style.getPropertyValue("--neither") };
}

// one number for the four bytes of a pixel, on machines that store the low byte first, as all browsers' machines do
const pixelOf = ([red, green, blue]) => ((255 << 24) | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)) >>> 0;

// The share of kept weights under a cell from which on it has the full colour.
function fullShare(picture, level, shading, shown) {
  if (shading === "true" || !level.counts) return 1;
  const top = picture.levels.at(-1).counts;
  const mean = top ? shown.reduce((sum, state) => sum + top[state - 1], 0) / (picture.width * picture.height) : 0;
  return Math.min(1, Math.max(STRETCH * mean, (level.across * level.down) ** -0.5));
}

// The colours of a level's cells, or of the states where a cell is a single weight.
function coloursOf(picture, level, shading, show, palette) {
  const shown = SHOWN[show], [neither, ...coloured] = palette.states;
  if (!level.counts) {
    return Uint32Array.from(palette.states, (colour, state) => pixelOf(state === 4 || shown.includes(state) ? colour : neither));
  }
  const full = fullShare(picture, level, shading, shown), colours = new Uint32Array(level.width * level.height);
  const [a, b, both] = [1, 2, 3].map(state => (shown.includes(state) ? 1 : 0)), { counts } = level;
  const mixed = (first, second, third, weights) => {
    const kept = first + second + third, strength = Math.min(1, kept / weights / full);
    return pixelOf(neither.map((none, k) => {
      const mean = (first * coloured[0][k] + second * coloured[1][k] + third * coloured[2][k]) / (kept || 1);
      return none + strength * (mean - none);
    }));
  };
  // of small cells there are few kinds: their colours are kept
  const weights = level.across * level.down, size = weights + 1, known = new Uint32Array(weights <= MOST_KNOWN ? size ** 3 : 0);
  for (let y = 0, at = 0, from = 0; y < level.height; y++) {
    for (let x = 0; x < level.width; x++, at++, from += 3) {
      const first = a * counts[from], second = b * counts[from + 1], third = both * counts[from + 2];
      const under = weightsUnder(picture, level, x, y), kind = (first * size + second) * size + third;
      if (under === weights && known.length) {
        colours[at] = known[kind] ||= mixed(first, second, third, weights);
      } else colours[at] = mixed(first, second, third, under);
    }
  }
  return colours;
}

// Which cell of a level lies under each pixel of an axis; -1: none.
function cellsUnder(pixels, origin, size, cells) {
  const found = new Int32Array(pixels);
  for (let p = 0; p < pixels; p++) {
    const cell = Math.floor((p + 0.5 - origin) / size);
    found[p] = cell < 0 || cell >= cells ? -1 : cell;
  }
  return found;
}

// Pixels are written as numbers, which a canvas in the memory of the processor takes at once.
const contextOf = canvas => canvas.getContext("2d", { alpha: false, willReadFrequently: true });

function paint(canvas, picture, view, palette) {
  const context = contextOf(canvas), { width, height } = canvas;
  if (!width || !height) return;
  if (view.image?.width !== width || view.image?.height !== height) {
    view.image = context.createImageData(width, height);
    view.pixels = new Uint32Array(view.image.data.buffer);
  }
  const depth = levelAt(picture, view.zoom), level = picture.levels[depth], sizeX = view.zoom * picture.stretchX;
  const sizeY = view.zoom * picture.stretchY, key = `${view.shading} ${view.show} ${palette.name}`;
  if (level.key !== key) {
    level.colours = coloursOf(picture, level, view.shading, view.show, palette);
    level.key = key;
  }
  const { colours } = level, { pixels } = view, states = level.counts ? null : picture.states, ground = pixelOf(palette.states[4]);
  const columns = cellsUnder(width, view.x, sizeX * level.across, level.width);
  const rows = cellsUnder(height, view.y, sizeY * level.down, level.height);
  for (let y = 0, p = 0; y < height; y++) {
    if (rows[y] < 0) {
      pixels.fill(ground, p, p += width);
    } else if (y && rows[y] === rows[y - 1]) {
      pixels.copyWithin(p, p - width, p);
      p += width;
    } else {
      const row = rows[y] * level.width;
      for (let x = 0; x < width; x++, p++) {
        const column = columns[x];
        pixels[p] = column < 0 ? ground : states ? colours[states[row + column]] : colours[row + column];
      }
    }
  }
  context.putImageData(view.image, 0, 0);
  return { depth, sizeX, sizeY };
}

// Thin lines between weights, or between kernels where weights are too small for it.
function rule(canvas, picture, view, palette, sheet) {
  const context = contextOf(canvas);
  context.fillStyle = `rgb(${palette.states[4].join(" ")})`;
  const [x, y] = [axisOf("x", canvas, picture, view, sheet), axisOf("y", canvas, picture, view, sheet)];
  for (const { at, thick } of linesOn(x)) context.fillRect(at, y.origin, thick, y.size * y.cells);
  for (const { at, thick } of linesOn(y)) context.fillRect(x.origin, at, x.size * x.cells, thick);
}

function axisOf(name, canvas, picture, view, sheet) {
  return name === "x"
    ? { origin: view.x, size: view.zoom * picture.stretchX, cells: picture.width, block: sheet.wide, pixels: canvas.width }
    : { origin: view.y, size: view.zoom * picture.stretchY, cells: picture.height, block: sheet.high, pixels: canvas.height };
}

function linesOn({ origin, size, cells, block, pixels }) {
  const step = size >= LINES_FROM ? 1 : block > 1 && size * block >= LINES_FROM ? block : 0, lines = [];
  if (!step) return lines;
  const first = Math.max(0, Math.floor(-origin / size / step) * step), last = Math.min(cells, (pixels - origin) / size);
  for (let cell = first; cell <= last; cell += step) {
    lines.push({ at: Math.round(origin + cell * size), thick: block > 1 && cell % block === 0 && step === 1 ? 2 : 1 });
  }
  return lines;
}
