// What is read of a chosen row or column: which masks have how many of its weights, how many of these its repeats have, its weights.

const MOST_WEIGHTS = 60;

const nameOfUnit = (tensor, axis, unit) => {
  if (!tensor.sheet.is_line) return `${axis === "row" ? "Row" : "Column"} ${unit}`;
  const from = unit * tensor.sheet.columns;
  return `Weights ${from} to ${Math.min(from + tensor.sheet.columns, tensor.sheet.count) - 1}`;
};

function stateInWords(atlas, state, tensor, i) {
  const a = bitAt(tensor.bits[state.a], i), b = state.b === NONE ? 0 : bitAt(tensor.bits[state.b], i);
  const first = atlas.masks[state.a].title, second = state.b === NONE ? "" : atlas.masks[state.b].title;
  if (state.b === NONE) return a ? `kept by ${first}` : `not kept by ${first}`;
  return a && b ? "kept by both" : a ? `kept by ${first} only` : b ? `kept by ${second} only` : "kept by neither";
}

const indexOf = ({ columns, high, wide }, { row, column, x, y }) => ((row * columns + column) * high + y) * wide + x;

// The place of a weight, as one would write it in Python.
function placeInWords(tensor, index) {
  const place = [];
  let rest = index;
  for (const size of [...tensor.shape].reverse()) {
    place.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return `[${place.join(", ")}]`;
}

const swatched = (title, kind) => element("span", {}, [...(kind ? [element("i", { className: `swatch ${kind}` })] : []), title]);

function unitPanel(atlas, state, pick, axis) {
  const tensor = atlas.tensors[state.tensor], unit = axis === "row" ? pick.row : pick.column;
  const weights = weightsOf(tensor, axis, unit), name = nameOfUnit(tensor, axis, unit), at = indexOf(tensor.sheet, pick);
  document.getElementById("unit").hidden = false;
  document.getElementById("unit-title").textContent = `${name} of ${tensor.name}`;
  document.getElementById("of-column").hidden = tensor.sheet.is_line;
  for (const one of ["row", "column"]) document.getElementById(`of-${one}`).ariaPressed = String(one === axis);
  const kept = atlas.masks.map((_, m) => weights.reduce((sum, i) => sum + bitAt(tensor.bits[m], i), 0));
  fill(document.getElementById("unit-masks"), ["Mask", "keeps", "share"], atlas.masks.map((mask, m) => ({
    cells: [swatched(mask.title, m === state.a ? "a" : m === state.b ? "b" : ""), whole(kept[m]), percent(kept[m] / weights.length)],
  })), `Its ${plural(weights.length, "weight")}`);
  repeatsTable(inRepeats(atlas, tensor, weights));
  weightsTable(atlas, state, tensor, weights, at);
  const both = state.b === NONE ? "" : `, ${atlas.masks[state.b].title} ${whole(kept[state.b])}`;
  const value = tensor.values ? `, value ${tensor.values[at].toPrecision(3)}` : "";
  document.getElementById("said").textContent =
    `Weight ${placeInWords(tensor, at)}${value}: ${stateInWords(atlas, state, tensor, at)}. ` +
    `${name}: of ${plural(weights.length, "weight")}, ${atlas.masks[state.a].title} keeps ${whole(kept[state.a])}${both}.`;
}

function repeatsTable(found) {
  const holder = document.getElementById("unit-repeats");
  holder.replaceChildren();
  if (!found.length) return;
  const table = element("table");
  fill(table, ["Function", "keeps", "in its repeats", "in all"], found.map(one => ({
    cells: [`${one.function}, ${plural(one.repeats, "repeat")}`, whole(one.kept), percent(one.share), whole(one.all)],
  })), "Of what the first mask keeps here, the share that its repeats keep too");
  holder.append(table);
}

function weightsTable(atlas, state, tensor, weights, at) {
  const { a, b } = state, size = i => (tensor.values ? Math.abs(tensor.values[i]) : 0);
  const kept = weights.filter(i => bitAt(tensor.bits[a], i) || (b !== NONE && bitAt(tensor.bits[b], i)));
  const ordered = kept.sort((i, j) => size(j) - size(i) || i - j), others = ordered.filter(i => i !== at).slice(0, MOST_WEIGHTS);
  fill(
    document.getElementById("unit-weights"),
    ["Weight", ...(tensor.values ? ["value"] : []), "kept by", "of all masks"],
    [at, ...others].map(i => ({
      kind: i === at ? "chosen" : "", cells: [
        placeInWords(tensor, i), ...(tensor.values ? [tensor.values[i].toPrecision(3)] : []),
        ["neither", "A", "B", "A and B"][bitAt(tensor.bits[a], i) | (b === NONE ? 0 : bitAt(tensor.bits[b], i) << 1)],
        `${atlas.masks.reduce((sum, _, m) => sum + bitAt(tensor.bits[m], i), 0)} of ${atlas.masks.length}`,
      ],
    })), "The chosen weight, then what A or B keep",
  );
  const order = tensor.values ? "the largest values first" : "in their order";
  document.getElementById("unit-note").textContent =
    `${plural(kept.length, "weight")} kept by A or B, ${order}${kept.length > MOST_WEIGHTS ? `; the first ${MOST_WEIGHTS} are listed` : ""}.` +
    (tensor.values ? "" : " The values of the weights are not in this file.");
}
