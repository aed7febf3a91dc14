// The map: what of the picture is in view, and what hand and keys do with it.

const NEAREST = 48, STEP = 1.35, STRIDE = 60;  // most pixels a weight; a step of zoom; pixels that a key moves

class WeightMap {
  constructor(canvas, onPick, onLook) {
    Object.assign(this, { canvas, onPick, onLook, picture: null, sheet: null, pick: null, waiting: false, frames: 0 });
    this.view = { zoom: 1, x: 0, y: 0, shading: "stretched", show: "or" };
    this.recolour();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.listen();
  }

  get ratio() { return window.devicePixelRatio || 1; }

  recolour() {
    this.palette = paletteOf(this.canvas);
    this.draw();
  }

  // Another picture; of the same tensor, what is in view stays.
  put(picture, sheet, stays) {
    Object.assign(this, { picture, sheet });
    if (!stays) {
      const aspect = picture.height * picture.stretchY / (picture.width * picture.stretchX);
      const high = Math.max(150, Math.min(aspect * this.canvas.clientWidth + 20, 0.62 * window.innerHeight, 640));
      this.canvas.style.height = `${Math.round(high)}px`;
      this.resize();
      this.fit();
    }
    this.draw();
  }

  resize() {
    const width = Math.round(this.canvas.clientWidth * this.ratio), height = Math.round(this.canvas.clientHeight * this.ratio);
    if (width === this.canvas.width && height === this.canvas.height) return;
    const fitted = this.isFitted;
    Object.assign(this.canvas, { width, height });
    if (fitted) this.fit();
    this.draw();
  }

  fit() {
    const { picture, canvas } = this;
    if (!picture) return;
    this.view.zoom = Math.min(NEAREST, this.smallest);
    this.view.x = (canvas.width - picture.width * picture.stretchX * this.view.zoom) / 2;
    this.view.y = (canvas.height - picture.height * picture.stretchY * this.view.zoom) / 2;
    this.isFitted = true;
    this.draw();
  }

  // the zoom at which the whole picture is in view
  get smallest() {
    const { picture, canvas } = this, edge = 8 * this.ratio;
    return Math.min(
      (canvas.width - edge) / (picture.width * picture.stretchX), (canvas.height - edge) / (picture.height * picture.stretchY),
    );
  }

  zoomBy(factor, x = this.canvas.width / 2, y = this.canvas.height / 2) {
    const view = this.view, least = Math.min(NEAREST, this.smallest) / 2;
    const zoom = Math.max(least, Math.min(NEAREST * this.ratio, view.zoom * factor));
    view.x = x - (x - view.x) * zoom / view.zoom;
    view.y = y - (y - view.y) * zoom / view.zoom;
    view.zoom = zoom;
    this.isFitted = false;
    this.moveBy(0, 0);
  }

  // some of the picture always stays in view
  moveBy(x, y) {
    const { view, picture, canvas } = this, kept = (at, size, room) => Math.max(40 - size, Math.min(room - 40, at));
    view.x = kept(view.x + x, picture.width * picture.stretchX * view.zoom, canvas.width);
    view.y = kept(view.y + y, picture.height * picture.stretchY * view.zoom, canvas.height);
    if (x || y) this.isFitted = false;
    this.draw();
  }

  // The weight under a pixel of the canvas; null if there is none.
  at(x, y) {
    const { view, picture, sheet } = this;
    const across = Math.floor((x - view.x) / (view.zoom * picture.stretchX));
    const down = Math.floor((y - view.y) / (view.zoom * picture.stretchY));
    if (across < 0 || down < 0 || across >= picture.width || down >= picture.height) return null;
    if (picture.states[down * picture.width + across] === 4) return null;
    return {
      row: picture.rowOrder[Math.floor(down / sheet.high)], column: picture.columnOrder[Math.floor(across / sheet.wide)],
      y: down % sheet.high, x: across % sheet.wide,
    };
  }

  // Where a weight lies in the picture.
  placeOf({ row, column, x, y }) {
    const { picture, sheet } = this;
    return {
      across: picture.columnOrder.indexOf(column) * sheet.wide + x, down: picture.rowOrder.indexOf(row) * sheet.high + y,
    };
  }

  choose(pick) {
    this.pick = pick;
    this.onPick(pick);
    this.draw();
  }

  step(x, y) {
    const { picture, sheet } = this, from = this.pick ? this.placeOf(this.pick) : null;
    const unit = { column: from ? Math.floor(from.across / sheet.wide) + x : 0, row: from ? Math.floor(from.down / sheet.high) + y : 0 };
    const row = picture.rowOrder[unit.row], column = picture.columnOrder[unit.column];
    if (row === undefined || column === undefined) return;
    const pick = { row, column, x: this.pick?.x ?? 0, y: this.pick?.y ?? 0 }, place = this.placeOf(pick);
    if (picture.states[place.down * picture.width + place.across] !== 4) {
      this.choose(pick);
      this.reveal(place);
    }
  }

  // Moves the picture if a weight is out of view.
  reveal({ across, down }) {
    const { view, picture, canvas } = this, sizeX = view.zoom * picture.stretchX, sizeY = view.zoom * picture.stretchY;
    const shift = (at, size, room) => (at < 0 ? 20 - at : at + size > room ? room - 20 - at - size : 0);
    const x = shift(view.x + across * sizeX, sizeX, canvas.width), y = shift(view.y + down * sizeY, sizeY, canvas.height);
    if (x || y) this.moveBy(x, y);
  }

  draw() {
    if (this.waiting || !this.picture) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.drawNow();
    });
  }

  drawNow() {
    const { canvas, picture, view, palette, sheet } = this, began = performance.now(), drawn = paint(canvas, picture, view, palette);
    if (!drawn) return;
    if (!drawn.depth) rule(canvas, picture, view, palette, sheet);
    if (this.pick) this.outline();
    this.frames++;
    this.took = performance.now() - began;
    canvas.dataset.drawn = this.frames;
    this.onLook(picture.levels[drawn.depth], view.zoom);
  }

  // Frames around the chosen row, column and weight.
  outline() {
    const { canvas, picture, view, sheet, palette } = this, context = contextOf(canvas), place = this.placeOf(this.pick);
    const sizeX = view.zoom * picture.stretchX, sizeY = view.zoom * picture.stretchY;
    const left = place.across - this.pick.x, top = place.down - this.pick.y;
    context.strokeStyle = palette.pick;
    context.lineWidth = Math.max(1.5, 1.5 * this.ratio);
    const frame = (x, y, wide, high) => context.strokeRect(
      view.x + x * sizeX - 1, view.y + y * sizeY - 1, wide * sizeX + 2, high * sizeY + 2,
    );
    frame(0, top, picture.width, sheet.high);
    if (!sheet.is_line) frame(left, 0, sheet.wide, picture.height);
    if (sizeX * sizeY > 30) frame(place.across, place.down, 1, 1);
  }

  listen() {
    const { canvas } = this, pointers = new Map(), here = event => [event.offsetX * this.ratio, event.offsetY * this.ratio];
    let moved = 0;
    const spread = () => {
      const [[x, y], [u, v]] = [...pointers.values()];
      return { size: Math.hypot(x - u, y - v), x: (x + u) / 2, y: (y + v) / 2 };
    };
    canvas.addEventListener("pointerdown", event => {
      if (event.isTrusted) canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, here(event));
      if (pointers.size === 1) moved = 0;
    });
    canvas.addEventListener("pointermove", event => {
      if (!pointers.has(event.pointerId)) return;
      const before = pointers.size === 2 ? spread() : null, [x, y] = here(event), [oldX, oldY] = pointers.get(event.pointerId);
      pointers.set(event.pointerId, [x, y]);
      moved += Math.hypot(x - oldX, y - oldY);
      if (before) {
        const now = spread();
        this.moveBy(now.x - before.x, now.y - before.y);
        this.zoomBy(now.size / before.size, now.x, now.y);
      } else if (moved > 3 * this.ratio) this.moveBy(x - oldX, y - oldY);
    });
    const release = event => {
      const clicked = event.type === "pointerup" && pointers.size === 1 && pointers.has(event.pointerId) && moved <= 3 * this.ratio;
      pointers.delete(event.pointerId);
      const found = clicked ? this.at(...here(event)) : null;
      if (found) this.choose(found);
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("wheel", event => {
      if (document.activeElement !== canvas && !event.ctrlKey) return;  // the wheel scrolls the page
      event.preventDefault();
      this.zoomBy(2 ** (-event.deltaY / (event.ctrlKey ? 100 : 300)), ...here(event));
    }, { passive: false });
    canvas.addEventListener("keydown", event => this.key(event));
  }

  key(event) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }, arrow = arrows[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrow && event.shiftKey) this.moveBy(-arrow[0] * STRIDE, -arrow[1] * STRIDE);
    else if (arrow) this.step(...arrow);
    else if (event.key === "+" || event.key === "=") this.zoomBy(STEP);
    else if (event.key === "-") this.zoomBy(1 / STEP);
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
  }
}
