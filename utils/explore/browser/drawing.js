// Drawings: as MNIST's digits are, and the pad that they are made on.

import { Picture, button, h } from "./pieces.js";

export const BRUSH = 1.15; // radius in pixels of a 28 × 28 image: about the strokes of MNIST
const MIDDLE = 14.5; // where the centre of mass of MNIST's digits is, in both directions

/** A drawing, as strokes of [x, y] in 0…28, moved and scaled as MNIST was: into a box of 20 × 20,
 * its centre of mass in the middle. null when nothing is drawn. */
export function centred(strokes) {
  const points = strokes.flat();
  if (!points.length) return null;
  const range = (d) => {
    const values = points.map((point) => point[d]);
    return [Math.min(...values), Math.max(...values)];
  };
  const [[left, right], [top, bottom]] = [range(0), range(1)];
  const size = Math.max(right - left, bottom - top);
  const scale = Math.min((20 - 2 * BRUSH) / Math.max(size, 1e-6), 6); // a dot stays a dot
  const place = (dx, dy) => strokes.map((stroke) => stroke.map(([x, y]) => [
    14 + dx + scale * (x - (left + right) / 2), 14 + dy + scale * (y - (top + bottom) / 2)]));
  const [x, y] = massCentre(rasterise(place(0, 0)));
  return place(MIDDLE - x, MIDDLE - y);
}

/** Strokes as an image of 784 values in 0…1. */
export function rasterise(strokes) {
  const image = new Float32Array(784);
  for (const stroke of strokes)
    for (let k = 0; k < stroke.length; k++) {
      const [ax, ay] = stroke[Math.max(k - 1, 0)], [bx, by] = stroke[k];
      const reach = BRUSH + 0.5, length = (bx - ax) ** 2 + (by - ay) ** 2;
      const low = (a, b) => Math.max(Math.floor(Math.min(a, b) - reach), 0);
      const high = (a, b) => Math.min(Math.ceil(Math.max(a, b) + reach), 28);
      for (let row = low(ay, by); row < high(ay, by); row++)
        for (let column = low(ax, bx); column < high(ax, bx); column++) {
          const x = column + 0.5, y = row + 0.5;
          const along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / (length || 1);
          const t = Math.min(Math.max(along, 0), 1);
          const distance = Math.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay));
          const ink = Math.min(Math.max(reach - distance, 0), 1);
          image[28 * row + column] = Math.max(image[28 * row + column], ink);
        }
    }
  return image;
}

function massCentre(image) {
  let mass = 0, x = 0, y = 0;
  image.forEach((ink, i) => {
    mass += ink;
    x += ink * ((i % 28) + 0.5);
    y += ink * (Math.floor(i / 28) + 0.5);
  });
  return [x / mass, y / mass];
}

// -- the pad --------------------------------------------------------------------------------------

const SIDE = 280, UNIT = SIDE / 28; // of the pad's canvas, in its own pixels

/** A canvas to draw on with a pointer or from the keyboard; or it shows a test image. `onImage` is
 * told of every new image (784), null when it is empty. */
export class DrawingPad {
  constructor(images, status, onImage) {
    Object.assign(this, { images, status, onImage, strokes: [], given: null });
    this.pen = { at: [14, 14], down: false, shown: false };
    this.canvas = h("canvas", { class: "vae-pad", width: SIDE, height: SIDE, tabindex: "0",
      role: "application", "aria-label":
        "Drawing pad. Draw with mouse or finger; or with arrow keys, after Space has put the pen down." });
    this.context = this.canvas.getContext("2d");
    this.clear = button("Clear", () => this.set([]));
    this.undo = button("Undo", () => this.set(this.given === null ? this.strokes.slice(0, -1) : this.strokes));
    this.listen();
  }

  set(strokes, given = null) {
    Object.assign(this, { strokes, given });
    this.pen.down = false;
    this.tell();
  }

  /** The image as an encoder sees it; null when nothing is drawn. */
  get image() {
    if (this.given !== null) return this.images.image(this.given);
    const drawn = centred(this.strokes);
    return drawn && rasterise(drawn);
  }

  tell() {
    this.paint();
    const { image } = this;
    this.clear.disabled = this.undo.disabled = !image;
    this.onImage(image);
  }

  changed() {
    this.paint();
    if (!this.asked) requestAnimationFrame(() => { this.asked = false; this.tell(); });
    this.asked = true;
  }

  paint() {
    const { context, pen } = this;
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SIDE, SIDE);
    if (this.given !== null) {
      const tile = new Picture("");
      tile.draw([this.images.image(this.given)]);
      context.imageSmoothingEnabled = false;
      context.drawImage(tile.canvas, 0, 0, SIDE, SIDE);
    }
    context.strokeStyle = context.fillStyle = "#000";
    context.lineWidth = 2 * (BRUSH + 0.2) * UNIT;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of this.strokes) {
      context.beginPath();
      stroke.forEach(([x, y]) => context.lineTo(x * UNIT, y * UNIT));
      if (stroke.length === 1) context.lineTo(stroke[0][0] * UNIT + 0.1, stroke[0][1] * UNIT);
      context.stroke();
    }
    if (pen.shown) {
      const [x, y] = pen.at.map((v) => v * UNIT);
      context.strokeStyle = pen.down ? "#d55e00" : "#0072b2";
      context.lineWidth = 2;
      context.strokeRect(x - 7, y - 7, 14, 14);
    }
  }

  listen() {
    const { canvas, pen } = this;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * 28, ((event.clientY - box.top) / box.height) * 28];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      if (this.given !== null) this.strokes = []; // a drawing takes the place of a test image
      this.given = null;
      pen.shown = pen.down = false;
      this.strokes.push([at(event)]);
      this.changed();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!canvas.hasPointerCapture(event.pointerId) || !this.strokes.length) return;
      const more = event.getCoalescedEvents?.() ?? [];
      this.strokes.at(-1).push(...(more.length ? more : [event]).map(at));
      this.changed();
    });
    canvas.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (event.key === " ") {
        pen.down = !pen.down;
        if (this.given !== null) this.strokes = [];
        this.given = null;
        if (pen.down) this.strokes.push([pen.at]);
        this.status.say(pen.down ? "Pen down" : "Pen up");
      } else if (by) {
        pen.at = pen.at.map((v, d) => Math.max(1, Math.min(27, v + by[d])));
        if (pen.down && this.strokes.length) this.strokes.at(-1).push(pen.at);
      } else return;
      pen.shown = true;
      event.preventDefault();
      this.changed();
    });
    canvas.addEventListener("blur", () => { pen.shown = pen.down = false; this.paint(); });
  }
}
