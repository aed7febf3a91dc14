// A tensor as a flat picture: the state of each weight, and how many weights of each state lie under the cells of coarser levels.
// A state is 0 (neither), 1 (only A), 2 (only B), 3 (both), 4 (there is no weight: the end of a broken line).

const FLATTEST = 4, MOST_HALVINGS = 4;

function pictureOf(tensor, a, b, rowOrder, columnOrder) {
  const { rows, columns, high, wide, count } = tensor.sheet, height = rows * high, width = columns * wide, block = high * wide;
  const states = new Uint8Array(width * height), first = tensor.bits[a], second = b === NONE ? null : tensor.bits[b];
  const offsets = new Uint32Array(width);
  for (let c = 0; c < width; c++) offsets[c] = columnOrder[Math.floor(c / wide)] * block + c % wide;
  for (let r = 0, place = 0; r < height; r++) {
    const start = rowOrder[Math.floor(r / high)] * columns * block + (r % high) * wide;
    for (let c = 0; c < width; c++, place++) {
      const i = start + offsets[c];
      if (i >= count) states[place] = 4;
      else {
        const at = i >> 3, bit = i & 7;
        states[place] = ((first[at] >> bit) & 1) | (second ? ((second[at] >> bit) & 1) << 1 : 0);
      }
    }
  }
  // a weight of a long narrow tensor is drawn longer in the other direction
  const halvings = (long, short) => Math.max(0, Math.min(MOST_HALVINGS, Math.ceil(Math.log2(long / (FLATTEST * short)))));
  const wider = halvings(width, height), taller = halvings(height, width);
  const levels = [{ width, height, across: 1, down: 1, counts: null }];
  while (levels.at(-1).width > 1 || levels.at(-1).height > 1) {
    levels.push(coarser(levels.at(-1), states, levels.length > taller ? 2 : 1, levels.length > wider ? 2 : 1));
  }
  return { width, height, states, levels, stretchX: 2 ** taller, stretchY: 2 ** wider, rowOrder, columnOrder };
}

// Each cell of the next level has the counts of one, two or four cells: of only A, only B, both.
function coarser(level, states, stepX, stepY) {
  const width = Math.ceil(level.width / stepX), height = Math.ceil(level.height / stepY);
  const across = level.across * stepX, down = level.down * stepY;
  const counts = new (across * down < 65536 ? Uint16Array : Uint32Array)(3 * width * height);
  for (let y = 0; y < level.height; y++) {
    const row = 3 * width * Math.floor(y / stepY);
    for (let x = 0, at = y * level.width; x < level.width; x++, at++) {
      const into = row + 3 * (stepX === 2 ? x >> 1 : x);
      if (level.counts) {
        counts[into] += level.counts[3 * at];
        counts[into + 1] += level.counts[3 * at + 1];
        counts[into + 2] += level.counts[3 * at + 2];
      } else {
        const state = states[at];
        if (state !== 0 && state !== 4) counts[into + state - 1]++;
      }
    }
  }
  return { width, height, across, down, counts };
}

// How many weights lie under a cell: fewer at the right and lower edges.
function weightsUnder(picture, level, x, y) {
  return (Math.min((x + 1) * level.across, picture.width) - x * level.across)
    * (Math.min((y + 1) * level.down, picture.height) - y * level.down);
}

// The finest level whose cells are at least one pixel wide and high.
function levelAt(picture, zoom) {
  const fits = level => zoom * picture.stretchX * level.across >= 1 && zoom * picture.stretchY * level.down >= 1;
  const found = picture.levels.findIndex(fits);
  return found < 0 ? picture.levels.length - 1 : found;
}
