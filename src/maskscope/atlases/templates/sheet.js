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
  (level.counts ? addCounts : addStates)(level, states, counts, width, stepX, stepY);
  return { width, height, across, down, counts };
}

function addCounts(level, _, counts, width, stepX, stepY) {
  const half = stepX - 1, below = level.counts;
  for (let y = 0, from = 0; y < level.height; y++) {
    const row = 3 * width * (stepY === 2 ? y >> 1 : y);
    for (let x = 0; x < level.width; x++, from += 3) {
      const into = row + 3 * (x >> half);
      counts[into] += below[from];
      counts[into + 1] += below[from + 1];
      counts[into + 2] += below[from + 2];
    }
  }
}

// The three counts of a cell are added up as the bytes of one number, which is twice as fast.
function addStates(level, states, counts, width, stepX, stepY) {
  const one = Uint32Array.of(0, 1, 1 << 8, 1 << 16, 0), height = Math.ceil(level.height / stepY);
  for (let y = 0, into = 0; y < height; y++) {
    const upper = y * stepY * level.width, lower = stepY === 2 && 2 * y + 1 < level.height ? upper + level.width : -1;
    for (let x = 0; x < width; x++, into += 3) {
      const left = x * stepX, right = stepX === 2 && left + 1 < level.width;
      let sum = one[states[upper + left]];
      if (right) sum += one[states[upper + left + 1]];
      if (lower >= 0) sum += one[states[lower + left]] + (right ? one[states[lower + left + 1]] : 0);
      counts[into] = sum & 255;
      counts[into + 1] = (sum >> 8) & 255;
      counts[into + 2] = sum >> 16;
    }
  }
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
