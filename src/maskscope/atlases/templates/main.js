// The page: what is chosen, and what follows from it.

const byId = name => document.getElementById(name);

function options(select, entries) {
  const groups = new Map();
  for (const { value, text, group } of entries) {
    if (group && !groups.has(group)) {
      groups.set(group, element("optgroup", { label: group }));
      select.append(groups.get(group));
    }
    (groups.get(group) ?? select).append(element("option", { value, text }));
  }
}

function begin(atlas) {
  const { masks, tensors } = atlas, others = masks.map((_, i) => i).filter(i => i && masks[i].repeat === 0 && !masks[i].whole);
  const state = { tensor: 0, a: 0, b: others[0] ?? (masks.length > 1 ? 1 : NONE), axis: "row", page: 0 };
  const map = new WeightMap(byId("map"), picked, looked);
  let counts = [];

  const repeated = new Set(masks.filter(mask => mask.repeat).map(mask => mask.function));
  const titles = masks.map((mask, i) => ({
    value: i, group: repeated.has(mask.function) ? mask.function : "",
    text: mask.whole ? `${mask.title} (all functions together)` : mask.title,
  }));
  options(byId("a"), titles);
  options(byId("b"), [...titles, { value: NONE, text: "none" }]);
  options(byId("tensor"), tensors.map((tensor, i) => ({ value: i, text: tensor.name })));
  const weak = masks.filter(mask => mask.faults.length);
  byId("faults").hidden = !weak.length;
  byId("faults").textContent = `Weak masks: ${weak.map(mask => `${mask.title} (${mask.faults.join("; ")})`).join(", ")}.`;

  function looked(level, zoom) {
    const pixels = Math.round(10 * zoom * map.picture.stretchX / map.ratio) / 10, share = fullShare(map.picture, level, map.view.shading, SHOWN[map.view.show]);
    byId("scale").textContent = level.counts
      ? `A point of the map is ${level.across} × ${level.down} weights; its colour is full where ${share < 1 ? `${percent(share)} or more` : "all"} of them are kept.`
      : `Each weight is a block${pixels > 1 ? ` ${pixels} pixels wide` : ""}.`;
  }

  function picked(pick) {
    unitPanel(atlas, state, pick, tensors[state.tensor].sheet.is_line ? "row" : state.axis);
  }

  function legend() {
    const c = counts[state.tensor], only = [c.first - c.both, c.second - c.both, c.both], shown = SHOWN[map.view.show];
    const [first, second] = [masks[state.a].title, masks[state.b]?.title];
    const names = state.b === NONE ? [first] : [`only ${first}`, `only ${second}`, "both"];
    byId("legend").replaceChildren(...["a", "b", "both"].slice(0, names.length).map((kind, i) => element("li", { className: shown.includes(i + 1) ? "" : "off" }, [
      element("i", { className: `swatch ${kind}` }), `${names[i]}: ${whole(only[i])} (${percent(only[i] / c.weights)})`,
    ])), element("li", {}, [element("i", { className: "swatch" }), `${state.b === NONE ? "not kept" : "neither"}: ${whole(c.weights - only[0] - only[1] - only[2])}`]));
  }

  function units() {
    const turn = unitTable(atlas, state, map.picture, byId("units-axis").value, state.page);
    state.page = turn.page;
    byId("units-back").disabled = !turn.back;
    byId("units-on").disabled = !turn.on;
  }

  // Everything anew, after other masks, another tensor or another order were chosen.
  function refresh(before) {
    for (const name of ["a", "b", "tensor"]) state[name] = Number(byId(name).value);
    const tensor = tensors[state.tensor], same = before === state.tensor;
    if (!same) {
      Object.assign(map, { pick: null });
      byId("unit").hidden = true;
      byId("said").textContent = "";
      state.page = 0;
    }
    for (const name of ["rows", "columns"]) byId(name).disabled = tensor.sheet.is_line;
    for (const name of ["show", "swap"]) byId(name).disabled = state.b === NONE;
    map.view.shading = byId("shading").value;
    map.view.show = state.b === NONE ? "or" : byId("show").value;
    byId("map-title").textContent = `${tensor.name}: ${tensor.shape.join(" × ")} weights`;
    counts = tensors.map(one => pairCounts(one, state.a, state.b));
    const order = axis => orderOf(tensor, axis, byId(`${axis}s`).value, state.a, state.b);
    legend();
    map.put(pictureOf(tensor, state.a, state.b, order("row"), order("column")), tensor.sheet, same);
    if (map.pick) picked(map.pick);
    layerTables(atlas, state, counts, place => {
      byId("tensor").value = place;
      refresh(state.tensor);
    });
    units();
  }

  function restyle() {
    map.view.shading = byId("shading").value;
    map.view.show = byId("show").value;
    legend();
    map.draw();
  }

  for (const name of ["a", "b", "tensor", "rows", "columns"]) byId(name).addEventListener("change", () => refresh(state.tensor));
  for (const name of ["show", "shading"]) byId(name).addEventListener("change", restyle);
  byId("controls").addEventListener("submit", event => event.preventDefault());
  byId("swap").addEventListener("click", () => {
    [byId("a").value, byId("b").value] = [state.b, state.a];
    refresh(state.tensor);
  });
  byId("in").addEventListener("click", () => map.zoomBy(STEP ** 2));
  byId("out").addEventListener("click", () => map.zoomBy(STEP ** -2));
  byId("fit").addEventListener("click", () => map.fit());
  for (const axis of ["row", "column"]) {
    byId(`of-${axis}`).addEventListener("click", () => {
      state.axis = axis;
      picked(map.pick);
    });
  }
  byId("units-axis").addEventListener("change", () => { state.page = 0; units(); });
  byId("units-back").addEventListener("click", () => { state.page--; units(); });
  byId("units-on").addEventListener("click", () => { state.page++; units(); });

  byId("a").value = state.a;
  byId("b").value = state.b;
  densityTable(atlas);
  refresh(NONE);
  // for those who check or measure the page
  window.maskscopeAtlas = { atlas, state, map, get counts() { return counts; }, fullShare, bitAt };
}

try {
  if (!window.DecompressionStream) throw new Error("This browser is too old to unpack the file: a Chrome or Edge from 2022, a Firefox or Safari from 2023 can.");
  begin(await readAtlas());
} catch (error) {
  byId("failed").textContent = `The atlas could not be drawn: ${error.message}`;
  byId("failed").hidden = false;
  throw error;
}
