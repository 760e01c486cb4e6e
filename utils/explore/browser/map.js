// The map of a latent space of two dimensions: codes of test images, the prior, a point and a cloud.

import { Picture, h, legend, mark, number, reach } from "./pieces.js";
import { sigmas } from "./source.js";

const SIZE = 400, LEFT = 30, BELOW = 30; // of the map, and of the margins with the axes
const AROUND = 13; // images a side that are decoded over the plane

export class LatentMap {
  /** `onMove` is told of a place [z0, z1] that is pointed at, `onPick` of a test image pressed on;
   * with `drag`, only a pressed pointer moves. */
  constructor(source, { onMove, onPick = () => {}, drag = false }) {
    Object.assign(this, { source, onMove, onPick, drag });
    this.grid = new Picture("Decoded images over the plane", { columns: AROUND, rows: AROUND,
      className: "vae-grid vae-hidden" });
    this.rings = h("g", { class: "vae-rings" });
    this.points = h("g", {});
    this.names = h("g", { class: "vae-names" });
    this.axes = h("g", { class: "vae-axes" });
    this.cross = h("g", { class: "vae-cross" });
    this.trail = h("polyline", { class: "vae-trail", points: "" });
    this.ellipses = h("g", { class: "vae-ellipse" });
    const inside = h("svg", { x: LEFT, y: 0, width: SIZE, height: SIZE, viewBox: `0 0 ${SIZE} ${SIZE}` },
      h("rect", { class: "vae-frame", width: SIZE, height: SIZE }), this.rings, this.points, this.names,
      this.trail, this.ellipses, this.cross);
    this.svg = h("svg", { viewBox: `0 0 ${LEFT + SIZE + 6} ${SIZE + BELOW}`, class: "vae-map", tabindex: "0",
      role: "application", "data-lm-suppress-shortcuts": "true",
      "aria-label": "Map of the latent plane. Arrow keys move z, with Shift further." }, this.axes, inside);
    this.outside = h("p", { class: "vae-small" });
    this.element = h("div", { class: "vae-mapside" },
      h("div", { class: "vae-mapbox" }, this.grid.canvas, this.svg), this.outside,
      source.images ? legend(source.images) : null);
    this.listen();
  }

  x(value) { return SIZE / 2 + (value / this.span) * (SIZE / 2); }

  y(value) { return SIZE / 2 - (value / this.span) * (SIZE / 2); }

  use(model) {
    const { images } = this.source;
    this.model = model;
    this.codes = images ? this.source.codes(model) : [];
    this.span = reach(this.codes);
    this.rings.replaceChildren(...[1, 2, 3].map((r) => h("circle", { cx: SIZE / 2, cy: SIZE / 2,
      r: (r / this.span) * (SIZE / 2) })));
    this.drawAxes();
    this.drawPoints();
    this.drawn = false;
    this.trail.setAttribute("points", "");
    if (!this.grid.canvas.classList.contains("vae-hidden")) this.decodeAll(true);
    this.cloud(null);
  }

  drawAxes() {
    const step = [1, 2, 5, 10, 20, 50, 100].find((each) => this.span / each <= 5) ?? 200;
    this.axes.replaceChildren();
    for (let v = -Math.floor(this.span / step) * step; v <= this.span; v += step) {
      const [x, y] = [LEFT + this.x(v), this.y(v)], text = number(v, 0);
      this.axes.append(
        h("line", { x1: x, x2: x, y1: SIZE, y2: SIZE + 4 }), h("line", { x1: LEFT - 4, x2: LEFT, y1: y, y2: y }));
      if (Math.abs(v) < this.span) this.axes.append(
        h("text", { x, y: SIZE + 13 }, text), h("text", { x: LEFT - 6, y, class: "vae-end" }, text));
    }
    this.axes.append(h("text", { x: LEFT + SIZE / 2, y: SIZE + 25 }, "z0"),
      h("text", { x: 7, y: SIZE / 2 - 14 }, "z1"));
  }

  drawPoints() {
    const { images } = this.source, edge = SIZE - 5, marks = [], arrows = [];
    this.codes.forEach(({ mu }, i) => {
      const [x, y] = [this.x(mu[0]), this.y(mu[1])];
      const at = [x, y].map((v) => Math.min(Math.max(v, 5), edge));
      if (at[0] !== x || at[1] !== y) {
        const turn = (Math.atan2(y - at[1], x - at[0]) * 180) / Math.PI;
        arrows.push(h("path", { d: "M5 0L-4 4V-4Z", class: `vae-c${images.labels[i]} vae-outside`,
          transform: `translate(${at[0]} ${at[1]}) rotate(${turn})` }));
      } else marks.push(mark(images.labels[i], x, y, 3.4));
    });
    this.points.replaceChildren(...marks, ...arrows);
    this.outside.textContent = "Dashed: 1, 2 and 3 standard deviations of the prior." + (arrows.length
      ? ` ${arrows.length} codes lie further out; arrows at the edge point to them.` : "");
    if (images) this.nameClasses();
  }

  /** Each class's name at the median of its codes, moved apart where two would overlap. */
  nameClasses() {
    const { images } = this.source;
    const placed = images.classes.map((text, label) => {
      const of = images.of(label), middle = (d) => of.map((i) => this.codes[i].mu[d]).sort((a, b) => a - b)[of.length >> 1];
      return of.length ? { text, x: this.x(middle(0)), y: this.y(middle(1)), half: 4.6 * text.length + 3 } : null;
    }).filter(Boolean);
    for (let round = 0; round < 60; round++)
      for (const a of placed) for (const b of placed) {
        const wide = a.half + b.half - Math.abs(a.x - b.x), high = 18 - Math.abs(a.y - b.y);
        if (a === b || wide <= 0 || high <= 0) continue;
        const by = (high / 2 + 0.5) * (a.y < b.y || (a.y === b.y && a.text < b.text) ? -1 : 1);
        a.y += by;
        b.y -= by;
      }
    for (const name of placed) {
      name.x = Math.min(Math.max(name.x, name.half), SIZE - name.half);
      name.y = Math.min(Math.max(name.y, 12), SIZE - 12);
    }
    this.names.replaceChildren(...placed.map(({ text, x, y }) => h("text", { x, y }, text)));
  }

  decodeAll(shown) {
    if (shown && !this.drawn) {
      const cells = [], at = (k) => ((2 * k + 1) / AROUND - 1) * this.span;
      for (let r = 0; r < AROUND; r++) for (let c = 0; c < AROUND; c++) cells.push(this.model.decode([at(c), -at(r)]));
      this.grid.draw(cells);
      this.drawn = true;
    }
    this.grid.canvas.classList.toggle("vae-hidden", !shown);
  }

  /** Puts the cross at z. */
  move(z) {
    this.z = Array.from(z, (value) => Math.max(-this.span, Math.min(this.span, value)));
    const [x, y] = [this.x(this.z[0]), this.y(this.z[1])];
    if (!this.cross.childNodes.length) this.cross.append(h("line", { y1: 0, y2: SIZE }),
      h("line", { x1: 0, x2: SIZE }), h("circle", { r: 7, class: "vae-halo" }), h("circle", { r: 7 }));
    const [down, across, ...rings] = this.cross.childNodes;
    for (const key of ["x1", "x2"]) down.setAttribute(key, x);
    for (const key of ["y1", "y2"]) across.setAttribute(key, y);
    for (const ring of rings) { ring.setAttribute("cx", x); ring.setAttribute("cy", y); }
    return this.z;
  }

  /** Shows a code as its cloud, the ellipses μ ± σ and μ ± 2σ; null takes it away. */
  cloud(code) {
    const sigma = code && sigmas(code), to = SIZE / 2 / this.span;
    this.ellipses.replaceChildren(...(sigma ? [2, 1].map((k) => h("ellipse", { cx: this.x(code.mu[0]),
      cy: this.y(code.mu[1]), rx: Math.max(k * sigma[0] * to, 1), ry: Math.max(k * sigma[1] * to, 1) })) : []));
  }

  listen() {
    const { svg } = this;
    const place = (event) => {
      const box = svg.getBoundingClientRect(), scale = (LEFT + SIZE + 6) / box.width;
      return [((event.clientX - box.left) * scale - LEFT) / (SIZE / 2) * this.span - this.span,
        this.span - ((event.clientY - box.top) * scale) / (SIZE / 2) * this.span];
    };
    svg.addEventListener("pointermove", (event) => {
      if (!this.drag || event.buttons) this.onMove(place(event));
    });
    svg.addEventListener("pointerdown", (event) => {
      if (this.drag) svg.setPointerCapture?.(event.pointerId);
      const [x, y] = place(event);
      let best = -1, least = (0.03 * this.span) ** 2; // as near as a finger can point
      if (!this.drag) this.codes.forEach(({ mu }, i) => {
        const distance = (mu[0] - x) ** 2 + (mu[1] - y) ** 2;
        if (distance < least) [best, least] = [i, distance];
      });
      if (best < 0) this.onMove([x, y]);
      else this.onPick(best);
    });
    svg.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!by) return;
      event.preventDefault();
      const step = this.span * (this.drag ? 0.005 : 0.02) * (event.shiftKey ? 5 : 1); // a cloud is small
      this.onMove([this.z[0] + by[0] * step, this.z[1] + by[1] * step]);
    });
  }
}

/** A way through the plane, past codes of six classes to `home`, in `seconds`; call to stop it. */
export function tour(map, show, home, seconds = 3) {
  const { images } = map.source;
  if (!images || matchMedia("(prefers-reduced-motion: reduce)").matches) return () => {};
  const stops = images.classes.map((_, label) => map.codes[images.of(label)[0]].mu).slice(0, 6).concat([home]);
  let start = null, stopped = false;
  const frame = (now) => {
    start ??= now;
    const t = Math.min((now - start) / (1000 * seconds), 1) * (stops.length - 1);
    if (stopped || !map.svg.isConnected) return;
    const k = Math.min(Math.floor(t), stops.length - 2), u = t - k, ease = u * u * (3 - 2 * u);
    show(stops[k].map((value, d) => value + ease * (stops[k + 1][d] - value)), t === stops.length - 1);
    if (t < stops.length - 1) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  return () => { stopped = true; };
}
