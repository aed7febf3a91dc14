// Tables: the same numbers as the map, for those who read or hear them.

const LONGEST = 50;  // rows of a page of the table of units

// An element with text and children; text is only ever set as text.
function element(name, { text, ...more } = {}, children = []) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(more)) key in made ? (made[key] = value) : made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const whole = number => number.toLocaleString("en");
const percent = share => (Number.isNaN(share) ? "undefined" : `${(100 * share).toFixed(share < 0.0995 && share > 0 ? 2 : 1)} %`);
const ratio = value => (Number.isNaN(value) ? "undefined" : value.toFixed(3));
const plural = (count, word) => `${whole(count)} ${word}${count === 1 ? "" : "s"}`;

// Fills a table. A cell is a text or an element; the first of each row is its heading.
function fill(table, titles, rows, caption = "") {
  const cell = (name, content, more) => (content instanceof Node ? element(name, more, [content]) : element(name, { text: content, ...more }));
  const head = element("tr", {}, titles.map(title => cell("th", title, { scope: "col" })));
  const body = rows.map(({ cells: [first, ...others], kind = "" }) =>
    element("tr", { className: kind }, [cell("th", first, { scope: "row" }), ...others.map(one => cell("td", one, {}))]));
  table.replaceChildren(
    ...(caption ? [element("caption", { text: caption })] : []), element("thead", {}, [head]), element("tbody", {}, body),
  );
}

function beside(value, alone) {
  return element("span", {}, [`${ratio(value)} `, element("span", { className: "alone", text: ratio(alone) })]);
}

// A dotted name, which may be broken after its dots.
function dotted(name, kind = "span", more = {}) {
  const parts = name.split(/(?<=\.)/);
  return element(kind, more, parts.flatMap((part, i) => (i ? [element("wbr"), part] : [part])));
}

function barred(share, kind, widest) {
  const bar = element("span", { className: `bar ${kind}` });
  bar.style.width = `${Math.round(100 * share / widest) || 0}%`;
  return element("span", {}, [element("span", { text: percent(share) }), bar]);
}

// The narrow table beside the map and the full one below it.
function layerTables(atlas, state, counts, choose) {
  const total = summed(counts), alone = state.b === NONE ? null : byDensityAlone;
  const widest = Math.max(...counts.map(c => Math.max(c.first, c.second) / c.weights)) || 1;
  const parts = [
    ...atlas.tensors.map((tensor, i) => ({ name: tensor.name, c: counts[i], parts: [counts[i]], place: i })),
    ...(counts.length > 1 ? [{ name: "all tensors", c: total, parts: counts, place: NONE }] : []),
  ];
  const kind = place => (place === NONE ? "total" : place === state.tensor ? "chosen" : "");
  const named = ({ name, place }) => (place === NONE ? name
    : dotted(name, "button", { type: "button", onclick: () => choose(place), title: `Show ${name} on the map` }));
  fill(
    document.getElementById("layers"), alone ? ["Tensor", "A", "B", "IoU"] : ["Tensor", "A"],
    parts.map(one => ({ kind: kind(one.place), cells: [
      named(one), barred(one.c.first / one.c.weights, "a", widest),
      ...(alone ? [barred(one.c.second / one.c.weights, "b", widest), beside(iou(one.c), alone(one.parts).iou)] : []),
    ] })),
  );
  const more = alone ? ["B keeps", "Density of B", "Both", "IoU", "by density alone", "Dice", "by density alone"] : [];
  fill(document.getElementById("overlap"), ["Tensor", "Shape", "Weights", "A keeps", "Density of A", ...more], parts.map(one => ({
    kind: one.place === NONE ? "total" : "", cells: [
      one.name, one.place === NONE ? "" : atlas.tensors[one.place].shape.join(" × "), whole(one.c.weights), whole(one.c.first),
      percent(one.c.first / one.c.weights),
      ...(alone ? [
        whole(one.c.second), percent(one.c.second / one.c.weights), whole(one.c.both),
        ratio(iou(one.c)), ratio(alone(one.parts).iou), ratio(dice(one.c)), ratio(alone(one.parts).dice),
      ] : []),
    ],
  })), `A: ${atlas.masks[state.a].title}${alone ? `. B: ${atlas.masks[state.b].title}` : ""}`);
}

function densityTable(atlas) {
  const kept = atlas.masks.map((_, m) => atlas.tensors.map(tensor => pairCounts(tensor, m, NONE).first));
  const rows = atlas.tensors.map((tensor, t) => ({ cells: [tensor.name, ...kept.map(one => percent(one[t] / tensor.sheet.count))] }));
  const total = atlas.tensors.reduce((sum, tensor) => sum + tensor.sheet.count, 0);
  const all = kept.map(one => percent(one.reduce((sum, n) => sum + n, 0) / total));
  fill(document.getElementById("densities"), ["Tensor", ...atlas.masks.map(mask => mask.title)], [
    ...rows, ...(rows.length > 1 ? [{ kind: "total", cells: ["all tensors", ...all] }] : []),
  ]);
}

// A page of the rows or columns of the map, in the order of the map; returns what can be turned to.
function unitTable(atlas, state, picture, axis, page) {
  const tensor = atlas.tensors[state.tensor], order = axis === "row" ? picture.rowOrder : picture.columnOrder;
  const from = Math.min(page, Math.ceil(order.length / LONGEST) - 1) * LONGEST, shown = order.slice(from, from + LONGEST);
  const title = axis === "row" ? "Row" : "Column";
  fill(document.getElementById("units"), [title, "weights", "only A", ...(state.b === NONE ? [] : ["only B", "both"]), "neither"], shown.map(unit => {
    const found = [0, 0, 0, 0], weights = weightsOf(tensor, axis, unit);
    for (const i of weights) found[bitAt(tensor.bits[state.a], i) | (state.b === NONE ? 0 : bitAt(tensor.bits[state.b], i) << 1)]++;
    return { cells: [`${unit}`, ...[weights.length, found[1], ...(state.b === NONE ? [] : [found[2], found[3]]), found[0]].map(whole)] };
  }));
  document.getElementById("units-where").textContent = `${title}s ${from + 1} to ${from + shown.length} of ${whole(order.length)}, in the order of the map`;
  return { back: from > 0, on: from + LONGEST < order.length, page: from / LONGEST };
}
