// Counts: of masks, of pairs, of rows and columns.

const NONE = -1;  // in the place of mask B: A alone is shown

function ones(word) {
  word -= (word >>> 1) & 0x55555555;
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
  return Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

function wordsOf(tensor, mask) {
  const bits = tensor.bits[mask];
  return new Uint32Array(bits.buffer, bits.byteOffset, bits.byteLength >> 2);
}

// How many weights of a tensor A keeps, B keeps, both keep, and there are.
function pairCounts(tensor, a, b) {
  const mine = wordsOf(tensor, a), theirs = b === NONE ? null : wordsOf(tensor, b);
  let first = 0, second = 0, both = 0;
  for (let i = 0; i < mine.length; i++) {
    first += ones(mine[i]);
    if (theirs) {
      second += ones(theirs[i]);
      both += ones(mine[i] & theirs[i]);
    }
  }
  return { first, second, both, weights: tensor.sheet.count };
}

function summed(parts) {
  const sum = key => parts.reduce((total, part) => total + part[key], 0);
  return { first: sum("first"), second: sum("second"), both: sum("both"), weights: sum("weights") };
}

const iou = c => c.both / (c.first + c.second - c.both);
const dice = c => 2 * c.both / (c.first + c.second);

// What two random masks with as many weights in each tensor have on average: Dice exactly, IoU to the second order in the number
// that both keep, which is hypergeometric.
function byDensityAlone(parts) {
  let sizes = 0, mean = 0, variance = 0;
  for (const { first, second, weights } of parts) {
    const expected = first * second / weights;
    sizes += first + second;
    mean += expected;
    if (weights > 1) variance += expected * (1 - first / weights) * (weights - second) / (weights - 1);
  }
  const union = sizes - mean;
  return { dice: 2 * mean / sizes, iou: mean / union + variance * sizes / union ** 3 };
}

const bitAt = (bits, i) => (bits[i >> 3] >> (i & 7)) & 1;

// The row-major index of the weights of a row or of a column, in the order of the other axis.
function weightsOf(tensor, axis, unit) {
  const { rows, columns, high, wide, count } = tensor.sheet, block = high * wide, found = [];
  for (let other = 0; other < (axis === "row" ? columns : rows); other++) {
    const start = block * (axis === "row" ? unit * columns + other : other * columns + unit);
    for (let i = start; i < Math.min(start + block, count); i++) found.push(i);
  }
  return found;
}

// How many weights of each row and of each column a mask keeps.
function uses(tensor, mask) {
  if (!tensor.uses.has(mask)) {
    const { rows, columns, high, wide, count } = tensor.sheet, bits = tensor.bits[mask], block = high * wide;
    const row = new Uint32Array(rows), column = new Uint32Array(columns);
    for (let r = 0, i = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        for (const end = Math.min(i + block, count); i < end; i++) {
          const kept = (bits[i >> 3] >> (i & 7)) & 1;
          row[r] += kept;
          column[c] += kept;
        }
      }
    }
    tensor.uses.set(mask, { row, column });
  }
  return tensor.uses.get(mask);
}

// The units of an axis in the order in which they are shown.
function orderOf(tensor, axis, kind, a, b) {
  const count = axis === "row" ? tensor.sheet.rows : tensor.sheet.columns, order = [...Array(count).keys()];
  if (kind === "stored" || tensor.sheet.is_line) return order;
  const mine = uses(tensor, a)[axis], theirs = b === NONE ? new Uint32Array(count) : uses(tensor, b)[axis];
  const worth = kind === "use" ? i => mine[i] + theirs[i] : i => mine[i] - theirs[i];
  return order.sort((i, j) => worth(j) - worth(i) || i - j);
}

// Of a function with repeats, by the first mask: how many masks keep each weight of a unit that the first one keeps.
function inRepeats(atlas, tensor, weights) {
  const groups = new Map();
  atlas.masks.forEach((mask, i) => groups.set(mask.function, [...(groups.get(mask.function) ?? []), i]));
  return [...groups].filter(([, masks]) => masks.length > 1).map(([name, masks]) => {
    const kept = weights.filter(i => bitAt(tensor.bits[masks[0]], i));
    const again = kept.map(i => masks.slice(1).reduce((sum, mask) => sum + bitAt(tensor.bits[mask], i), 0));
    const repeats = masks.length - 1, total = again.reduce((sum, n) => sum + n, 0);
    const all = again.filter(n => n === repeats).length;
    return { function: name, repeats, kept: kept.length, all, share: total / (repeats * kept.length) };
  });
}
