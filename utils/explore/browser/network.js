// A picture of a network whose parts light up as they compute: every layer a block of cells, each
// cell as dark as its number is large.

import { h } from "./pieces.js";

const CELL = 4, GAP = 26, HEIGHT = 150;

/** Draws what the encoder and the decoder of a model have computed last. */
export class Network {
  constructor() {
    this.canvas = h("canvas", { class: "vae-network", role: "img", height: HEIGHT, width: 640 });
    this.context = this.canvas.getContext("2d");
    this.element = h("div", {}, this.canvas);
    this.lit = { encode: 0, decode: 0 };
    new ResizeObserver(() => this.layers && this.draw()).observe(this.element);
  }

  /** Layers of the model: the input of the encoder, each linear or convolutional layer, the output. */
  use(model) {
    this.model = model;
    const layers = (part) => model.layers(part).map((layer) => ({ layer, part }));
    this.layers = [...layers("encode"), ...layers("decode")];
    const describe = this.layers.map(({ layer }) => `${layer.name} (${layer.data.length})`).join(", ");
    this.canvas.setAttribute("aria-label", `The network: ${describe}. Parts light up as they compute.`);
  }

  /** Lights up the parts that have just computed. */
  draw(...parts) {
    for (const part of parts) this.lit[part] = 1;
    for (const each of this.layers) // as they are now: other explorers compute with the same model
      if (parts.includes(each.part)) each.seen = Float32Array.from(each.layer.data);
    this.asked ??= requestAnimationFrame((now) => this.frame(now));
  }

  frame(now) {
    const passed = Math.min(now - (this.last ?? now), 50);
    this.last = now;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (const part of ["encode", "decode"])
      this.lit[part] = still ? this.lit[part] : Math.max(0, this.lit[part] - passed / 700);
    this.paint();
    const on = !still && this.canvas.isConnected && (this.lit.encode > 0 || this.lit.decode > 0);
    this.asked = on ? requestAnimationFrame((next) => this.frame(next)) : null;
    if (!on) this.last = null;
  }

  paint() {
    const { context, canvas } = this, style = getComputedStyle(canvas);
    const [text, glow] = [style.color, style.getPropertyValue("--vae-warm").trim()];
    const sizes = this.layers.map(({ layer }) => shapeOf(layer.data.length));
    const unit = (columns) => (columns === 28 ? 3 : columns === 1 ? 16 : CELL);
    const wide = (part) => this.layers.reduce(
      (sum, layer, n) => sum + (layer.part === part ? sizes[n][0] * unit(sizes[n][0]) + GAP : 0), 0);
    const parts = [wide("encode"), wide("decode")], total = parts[0] + parts[1];
    const folded = total > (this.element.clientWidth || Infinity); // the decoder below the encoder
    const [width, height] = folded ? [Math.max(...parts), 2 * HEIGHT] : [total, HEIGHT];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    context.clearRect(0, 0, width, height);
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "center";
    context.fillStyle = text;
    let x = GAP / 2, middle = 62, before = null;
    this.layers.forEach(({ layer, part, seen }, n) => {
      if (folded && part === "decode" && middle === 62)
        [x, middle, before] = [GAP / 2, middle + HEIGHT, null];
      const { name } = layer, data = seen ?? layer.data;
      const [columns, rows] = sizes[n], cell = unit(columns), lit = this.lit[part];
      const top = middle - (rows * cell) / 2, right = x + columns * cell;
      if (before !== null && n) {
        context.strokeStyle = lit > 0.02 ? `rgb(${glow} / ${0.25 + 0.75 * lit})` : "rgb(128 128 128 / 0.5)";
        context.lineWidth = 1 + 3 * lit;
        for (const [from, to] of [[before.top, top], [before.bottom, top + rows * cell]]) {
          context.beginPath();
          context.moveTo(before.right + 2, from);
          context.lineTo(x - 2, to);
          context.stroke();
        }
      }
      const most = data.reduce((max, value) => Math.max(max, Math.abs(value)), 1e-6);
      for (let i = 0; i < data.length; i++) {
        const value = data[i] / most, left = x + (i % columns) * cell, y = top + Math.floor(i / columns) * cell;
        context.fillStyle = value < 0 ? `rgb(0 114 178 / ${-value})` : `rgb(213 94 0 / ${value})`;
        context.fillRect(left, y, cell - (cell > 3 ? 1 : 0), cell - (cell > 3 ? 1 : 0));
      }
      context.strokeStyle = lit > 0.02 ? `rgb(${glow} / ${lit})` : "rgb(128 128 128 / 0.6)";
      context.lineWidth = 1 + lit;
      context.strokeRect(x - 1.5, top - 1.5, columns * cell + 2, rows * cell + 2);
      context.fillStyle = text;
      context.fillText(name, (x + right) / 2, middle + 62);
      context.fillText(String(data.length), (x + right) / 2, middle + 78);
      before = { right, top, bottom: top + rows * cell };
      x = right + GAP;
    });
  }
}

/** [columns, rows] of a block of so many cells. */
function shapeOf(length) {
  if (length === 784) return [28, 28];
  if (length <= 16) return [1, length];
  const columns = Math.ceil(Math.sqrt(length / 2));
  return [columns, Math.ceil(length / columns)];
}
