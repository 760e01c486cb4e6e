// The explorers: latent sliders, plane, drawing pad, β ladder, interpolation, statistics.
//
//     mount(root, "latents", new Source({models, images}), {model: "tuned"})
//
// puts one into an element. Notebook widgets and the playground page both use this module; it
// needs no other file, no network, and draws on plain canvases.

import { Model, ModelError, asBytes, readTensor } from "./decoder.js";

// -- what there is to show ------------------------------------------------------------------------

/** Packed models and test images of one dataset; a model is unpacked when it is first used. */
export class Source {
  constructor({ models, images }) {
    this.packed = new Map(models.map((model) => [model.name, model]));
    this.unpacked = new Map();
    this.images = images ? new Images(images) : null;
  }

  get names() {
    return [...this.packed.keys()];
  }

  title(name) {
    return this.packed.get(name).title;
  }

  model(name) {
    if (!this.packed.has(name)) throw new ModelError(`There is no model “${name}” here.`);
    if (!this.unpacked.has(name)) this.unpacked.set(name, new Model(this.packed.get(name)));
    return this.unpacked.get(name);
  }

  /** {mu, logvar} of test image i under a model: stored, else computed. */
  code(model, i) {
    const { "codes.mu": mu, "codes.logvar": logvar } = model.weights;
    if (!mu) return model.encode(this.images.image(i));
    const row = (tensor) => tensor.data.slice(i * model.nz, (i + 1) * model.nz);
    return { mu: row(mu), logvar: logvar ? row(logvar) : null };
  }

  codes(model) {
    return Array.from(this.images.labels, (_, i) => this.code(model, i));
  }
}

class Images {
  constructor(packed) {
    const bytes = asBytes(packed.bytes);
    this.pixels = Float32Array.from(readTensor(packed.tensors.pixels, bytes), (v) => v / 255);
    this.labels = readTensor(packed.tensors.labels, bytes);
    this.classes = packed.classes;
    this.dataset = packed.dataset;
  }

  image(i) {
    return this.pixels.subarray(784 * i, 784 * (i + 1));
  }

  /** Numbers of the test images of a class. */
  of(label) {
    return [...this.labels.keys()].filter((i) => this.labels[i] === label);
  }

  /** The class that most of the five nearest test images have: what a picture looks like. */
  nearest(image) {
    const best = Array.from(this.labels, (label, i) => {
      if (label >= this.classes.length) return { label, distance: Infinity };
      let distance = 0;
      for (let k = 0, at = 784 * i; k < 784; k++) distance += (image[k] - this.pixels[at + k]) ** 2;
      return { label, distance };
    }).sort((a, b) => a.distance - b.distance).slice(0, 5);
    const votes = new Map();
    for (const { label } of best) votes.set(label, (votes.get(label) ?? 0) + 1);
    return [...votes].sort((a, b) => b[1] - a[1])[0][0];
  }
}

// -- mathematics ----------------------------------------------------------------------------------

export function normal(random = Math.random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

const normals = (n, random) => Float32Array.from({ length: n }, () => normal(random));

/** z from N(mu, exp(logvar)); mu itself where there is no variance (an autoencoder). */
export function sample({ mu, logvar }, random = Math.random) {
  return logvar ? mu.map((m, i) => m + Math.exp(logvar[i] / 2) * normal(random)) : mu.slice();
}

const sigmas = (code) => (code.logvar ? code.logvar.map((v) => Math.exp(v / 2)) : null);

/** log p(x|z) in nats per image: Bernoulli with these logits, summed over the pixels. */
export function logLikelihood(image, logits) {
  let sum = 0;
  for (let i = 0; i < image.length; i++) {
    const l = logits[i];
    sum += image[i] * l - Math.max(l, 0) - Math.log1p(Math.exp(-Math.abs(l)));
  }
  return sum;
}

/**
 * A smooth random walk whose long-run distribution is N(0, I), the prior: each coordinate is a
 * ball on a spring, pulled towards 0, slowed by friction and pushed at random (Langevin dynamics,
 * integrated by half steps so that the spread stays 1).
 */
export class Dream {
  constructor(z, random = Math.random) {
    this.z = Float32Array.from(z);
    this.random = random;
    this.velocity = normals(z.length, random);
  }

  step(dt, friction = 0.4) {
    const { z, velocity: v } = this, keep = Math.exp(-friction * dt);
    for (let i = 0; i < z.length; i++) {
      v[i] -= (z[i] * dt) / 2;
      z[i] += (v[i] * dt) / 2;
      v[i] = keep * v[i] + Math.sqrt(1 - keep * keep) * normal(this.random);
      z[i] += (v[i] * dt) / 2;
      v[i] -= (z[i] * dt) / 2;
    }
    return z;
  }
}

/** The point t of the way from a to b; spherical: along the direction, with the length between. */
export function between(a, b, t, spherical) {
  const z = a.map((value, i) => value + t * (b[i] - value));
  if (!spherical) return z;
  const length = (x) => Math.hypot(...x);
  const by = (length(a) + t * (length(b) - length(a))) / Math.max(length(z), 1e-9);
  return z.map((value) => value * by);
}

/** Means and standard deviations (n − 1) of the codes of every class, (classes × nz) each. */
export function statistics(codes, labels, classes) {
  const nz = codes[0].mu.length, tables = { mean: [], std: [] };
  for (let label = 0; label < classes; label++) {
    const rows = codes.filter((_, i) => labels[i] === label).map(({ mu }) => mu);
    const column = (f) => Array.from({ length: nz }, (_, d) => f(rows.map((row) => row[d])));
    const mean = (x) => x.reduce((sum, v) => sum + v, 0) / x.length;
    tables.mean.push(column(mean));
    tables.std.push(column((x) => {
      const m = mean(x);
      return Math.sqrt(x.reduce((sum, v) => sum + (v - m) ** 2, 0) / (x.length - 1));
    }));
  }
  return tables;
}

// -- drawings -------------------------------------------------------------------------------------

const BRUSH = 1.15; // radius in pixels of a 28 × 28 image: about the strokes of MNIST
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

// -- small pieces of page -------------------------------------------------------------------------

let lastId = 0;
const newId = () => `vae-${++lastId}`;

/** An element: h("button", {class: "x", onclick: f}, child, …). */
function h(tag, properties = {}, ...children) {
  const svg = ["svg", "circle", "ellipse", "line", "path", "text", "g", "rect"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== false && value !== null) element.setAttribute(key, value === true ? "" : value);
  }
  // JupyterLab takes arrow keys for itself unless the focused element says this
  if (["input", "button", "select", "canvas", "summary"].includes(tag))
    element.setAttribute("data-lm-suppress-shortcuts", "true");
  element.append(...children.filter((child) => child !== null));
  return element;
}

const number = (value, digits = 2) => value.toFixed(digits).replace("-", "−").replace(/^−(0\.?0*)$/, "$1");

/** Images in a grid on one canvas: black ink on white, inverted by the style sheet in the dark. */
class Picture {
  constructor(label, { columns = 1, rows = 1, gap = 0, className = "" } = {}) {
    Object.assign(this, { columns, rows, gap, label });
    this.canvas = h("canvas", {
      class: `vae-picture ${className}`, role: "img", "aria-label": label,
      width: columns * 28 + (columns - 1) * gap, height: rows * 28 + (rows - 1) * gap,
    });
    this.context = this.canvas.getContext("2d");
    if (!this.context) throw new ModelError("This browser cannot draw on a canvas.");
    this.tile = this.context.createImageData(28, 28);
  }

  draw(images, description = "") {
    const { data } = this.tile;
    images.forEach((image, n) => {
      for (let i = 0; i < 784; i++) {
        const shade = 255 - Math.round(255 * image[i]);
        data[4 * i] = data[4 * i + 1] = data[4 * i + 2] = shade;
        data[4 * i + 3] = 255;
      }
      const step = 28 + this.gap;
      this.context.putImageData(
        this.tile, (n % this.columns) * step, Math.floor(n / this.columns) * step);
    });
    this.describe(description);
  }

  describe(text) {
    this.canvas.setAttribute("aria-label", text ? `${this.label}: ${text}` : this.label);
  }

  clear() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.describe("nothing yet");
  }
}

function figure(picture, caption) {
  return h("figure", { class: "vae-figure" }, picture.canvas, h("figcaption", {}, caption));
}

function slider(label, { min, max, step, value }, onInput, said = (v) => number(v)) {
  const id = newId();
  const output = h("output", { for: id, class: "vae-value" });
  const input = h("input", { type: "range", id, min, max, step, value });
  const tell = () => {
    output.textContent = said(input.valueAsNumber);
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => { tell(); onInput(input.valueAsNumber); });
  tell();
  const row = h("div", { class: "vae-slider" }, h("label", { for: id }, label), input, output);
  const set = (v) => { input.value = v; tell(); };
  return { row, input, set, get value() { return input.valueAsNumber; } };
}

function choice(label, options, value, onChange) {
  const id = newId();
  const select = h("select", { id, onchange: () => onChange(select.value) },
    ...options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
  return { row: h("div", { class: "vae-choice" }, h("label", { for: id }, label), select), select };
}

function modelChoice(source, names, value, onChange, label = "Model") {
  const made = choice(label, names.map((name) => [name, source.title(name)]), value, onChange);
  made.row.hidden = names.length < 2;
  return made;
}

const button = (text, onclick, more = {}) => h("button", { type: "button", onclick, ...more }, text);

/** One button a class, with a test image of it. */
function tiles(images, verb, onPick) {
  const buttons = images.classes.map((name, label) => {
    const of = images.of(label);
    if (!of.length) return null;
    const picture = new Picture("");
    picture.draw([images.image(of[0])]);
    picture.canvas.setAttribute("aria-hidden", "true");
    const pick = () => onPick(of[Math.floor(Math.random() * of.length)], label);
    return h("button", { type: "button", class: "vae-tile", title: `${verb} ${name}`,
      "aria-label": `${verb} ${name}`, onclick: pick }, picture.canvas, h("span", {}, name));
  });
  return h("div", { class: "vae-tiles", role: "group", "aria-label": verb }, ...buttons.filter(Boolean));
}

/** A line that screen readers read out once it has not changed for a moment. */
class Status {
  constructor() {
    this.element = h("p", { class: "vae-status", role: "status", "aria-live": "polite" });
  }

  say(text) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { this.element.textContent = text; }, 250);
  }
}

/** μ and σ of every dimension as dots with bars, before the prior's ±1 and ±2. */
function gaussians() {
  const svg = h("svg", { class: "vae-gaussians", role: "img", viewBox: "0 0 100 100",
    preserveAspectRatio: "none" });
  const list = h("p", { class: "vae-small" });
  const draw = (code) => {
    svg.replaceChildren();
    list.textContent = "";
    if (!code) return svg.setAttribute("aria-label", "μ and σ: nothing drawn yet");
    const { mu } = code, sigma = sigmas(code), n = mu.length;
    const span = Math.max(4, ...mu.map((m, i) => Math.abs(m) + 2 * (sigma ? sigma[i] : 0)));
    const y = (value) => 50 - (value / span) * 48, step = 100 / n;
    const band = (k) => h("rect", { x: 0, width: 100, y: y(k), height: y(-k) - y(k), class: "band" });
    svg.append(band(2), band(1), h("line", { x1: 0, x2: 100, y1: 50, y2: 50, class: "axis" }));
    mu.forEach((m, i) => {
      const x = (i + 0.5) * step;
      if (sigma) svg.append(h("line", { x1: x, x2: x, y1: y(m + 2 * sigma[i]),
        y2: y(m - 2 * sigma[i]), class: "sigma" }));
      svg.append(h("line", { x1: x - step / 3, x2: x + step / 3, y1: y(m), y2: y(m), class: "mu" }));
    });
    svg.setAttribute("aria-label", "μ and σ of each dimension: " + Array.from(mu, (m, i) =>
      `z${i + 1} μ ${number(m)}` + (sigma ? ` σ ${number(sigma[i])}` : "")).join("; "));
    list.textContent = `z1 to z${n}, left to right; the axis goes from −${number(span, 0)} to ` +
      `${number(span, 0)}.`;
  };
  draw(null);
  return { element: h("div", {}, svg, list), draw };
}

/** How far the sliders of a latent space go: at least 4, and to nearly all codes. */
function reach(codes, least = 4) {
  const sizes = codes.flatMap(({ mu }) => Array.from(mu, Math.abs)).sort((a, b) => a - b);
  return Math.max(least, Math.ceil(sizes[Math.floor(0.985 * (sizes.length - 1))] ?? 0));
}

// -- latent sliders -------------------------------------------------------------------------------

function latents(root, source, { model: first = source.names[0], names = source.names, most = 12,
  onChange = () => {} } = {}) {
  const { images } = source;
  const picture = new Picture("Decoded image", { className: "vae-large" });
  const original = new Picture("Test image", { className: "vae-medium" });
  const status = new Status(), looks = h("p", { class: "vae-small" });
  const from = h("p", { class: "vae-small vae-from" });
  const rows = h("div", { class: "vae-rows" });
  let model, z, dims, controls, code = null, dream = null, pending = null;

  const speed = slider("Dream speed", { min: 0.1, max: 3, step: 0.1, value: 1 }, () => {},
    (v) => `${number(v, 1)}×`);
  const dreaming = button("Dream", () => (dream ? wake() : sleep()), { "aria-pressed": "false" });
  const pickModel = modelChoice(source, names, first, use);

  function use(name) {
    wake();
    model = source.model(name);
    const codes = images ? source.codes(model) : [];
    const span = reach(codes);
    const spread = (d) => codes.reduce((sum, { mu }) => sum + mu[d] ** 2, 0);
    dims = [...Array(model.nz).keys()];
    if (model.nz > most) // those that vary most
      dims = dims.sort((a, b) => spread(b) - spread(a)).slice(0, most).sort((a, b) => a - b);
    controls = dims.map((d) => {
      const posterior = h("span", { class: "vae-posterior" });
      const band = h("span", { class: "vae-band" }), tick = h("span", { class: "vae-tick" });
      const control = slider(`z${d + 1}`, { min: -span, max: span, step: 0.01, value: 0 }, (value) => {
        wake();
        z[d] = value;
        show();
      });
      const track = h("div", { class: "vae-track" }, control.input, h("span", { class: "vae-strip" }, band, tick));
      control.row.insertBefore(track, control.row.lastChild);
      control.row.append(posterior);
      return { ...control, d, posterior, band, tick, span };
    });
    rows.replaceChildren(...controls.map(({ row }) => row));
    const hidden = model.nz - dims.length;
    if (hidden) rows.append(h("p", { class: "vae-small" },
      `${hidden} more dimensions vary less and have no slider.`));
    move(new Float32Array(model.nz), null, "Every z is 0: the middle of the prior.");
  }

  /** Moves all sliders; `made` is the posterior beside them (null: the prior N(0, 1)). */
  function move(to, made, text) {
    z = Float32Array.from(to);
    code = made;
    from.textContent = text;
    const sigma = code && sigmas(code);
    for (const { d, posterior, band, tick, span } of controls) {
      const mu = code ? code.mu[d] : 0, sd = sigma ? sigma[d] : code ? 0 : 1;
      posterior.textContent = `μ ${number(mu)}` + (code && !sigma ? "" : ` σ ${number(sd)}`);
      const at = (value) => 50 + 50 * Math.max(-1, Math.min(1, value / span));
      band.style.left = `${at(mu - 2 * sd)}%`;
      band.style.width = `${at(mu + 2 * sd) - at(mu - 2 * sd)}%`;
      tick.style.left = `${at(mu)}%`;
    }
    show();
  }

  function show(quiet = false) {
    const image = model.decode(z);
    for (const control of controls) control.set(z[control.d]);
    picture.draw([image]);
    clearTimeout(pending); // naming what is seen is not worth a frame of the dream
    pending = setTimeout(() => {
      const length = `length of z ${number(Math.hypot(...z), 1)}`;
      const like = images ? `looks most like: ${images.classes[images.nearest(image)]}; ` : "";
      looks.textContent = like + length;
      picture.describe(like + length);
      if (!quiet) status.say(like + length);
      onChange(Array.from(z));
    }, quiet ? 0 : 120);
  }

  function sleep() {
    dream = new Dream(z);
    dreaming.setAttribute("aria-pressed", "true");
    dreaming.textContent = "Stop dreaming";
    from.textContent = "Dreaming: a random walk that stays where the prior has its mass.";
    let last = null, seen = 0;
    const frame = (now) => {
      if (!dream) return;
      if (!root.isConnected) return wake();
      const seconds = last === null ? 0 : Math.min((now - last) / 1000, 0.05);
      last = now;
      z = dream.step(seconds * speed.value);
      show(true);
      if (now - seen < 400) clearTimeout(pending);
      else seen = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  function wake() {
    if (!dream) return;
    dream = null;
    dreaming.setAttribute("aria-pressed", "false");
    dreaming.textContent = "Dream";
    from.textContent = "Woken up here.";
    show();
  }

  const stop = (f) => () => { wake(); f(); };
  const randomize = button("Randomize", stop(() => {
    original.clear();
    move(normals(model.nz), null, "Every z was drawn from the prior, N(0, 1).");
  }));
  const reset = button("Reset", stop(() => {
    original.clear();
    move(new Float32Array(model.nz), null, "Every z is 0: the middle of the prior.");
  }));
  const draw = (i, label) => {
    wake();
    const made = source.code(model, i);
    original.draw([images.image(i)], images.classes[label]);
    move(sample(made), made, made.logvar
      ? `Test image ${i} (${images.classes[label]}): z was drawn from its posterior N(μ, σ²).`
      : `Test image ${i} (${images.classes[label]}): z is its code; an autoencoder has no σ.`);
  };
  root.append(
    h("div", { class: "vae-bar" }, pickModel.row, randomize, reset, dreaming, speed.row),
    h("div", { class: "vae-columns" },
      h("div", { class: "vae-side" }, figure(picture, "decoded z"),
        images ? figure(original, "test image") : null, looks),
      h("div", { class: "vae-main" }, from, rows)),
    images ? tiles(images, "Draw from the posterior of a", draw) : "",
    h("details", {}, h("summary", {}, "What do these buttons do?"),
      h("p", {}, h("b", {}, "Randomize"), " draws every z from the prior N(0, 1). A VAE was " +
        "trained so that its codes, taken together, look like such draws. An autoencoder was not, " +
        "so there it is a guess."),
      h("p", {}, h("b", {}, "Dream"), " lets z wander: each coordinate is like a ball on a " +
        "spring, pulled back to 0 and pushed a little at random. In the long run it is distributed " +
        "as the prior, so the dream stays at a distance of about √nz from 0 and rarely meets a " +
        "place that the decoder does not know."),
      h("p", {}, h("b", {}, "A tile"), " takes a test image of that class, encodes it to μ and σ " +
        "(shown beside the sliders; the coloured strip is μ ± 2σ) and draws z from N(μ, σ²). " +
        "Press it again for another image.")),
    status.element);
  original.clear();
  use(first);
  return {
    get z() { return Array.from(z); },
    set z(to) {
      if (to.length !== model.nz) throw new ModelError(`z has ${model.nz} numbers, not ${to.length}.`);
      wake();
      move(to, code, "Set from Python.");
    },
    use: (name) => { pickModel.select.value = name; use(name); },
    stop: wake,
  };
}

// -- the plane ------------------------------------------------------------------------------------

function plane(root, source, { model: first, names, onChange = () => {} } = {}) {
  const { images } = source;
  names = (names ?? source.names).filter((name) => source.packed.get(name).nz === 2);
  if (!names.length) throw new ModelError("A plane needs a model with 2 latent dimensions.");
  first ??= names[0];
  const size = 400, around = 13;
  const picture = new Picture("Decoded image", { className: "vae-large" });
  const original = new Picture("Test image", { className: "vae-medium" });
  const again = new Picture("Its reconstruction", { className: "vae-medium" });
  const grid = new Picture("Decoded images over the plane", { columns: around, rows: around,
    className: "vae-grid" });
  const status = new Status(), where = h("p", { class: "vae-small" });
  const points = h("g", {}), cross = h("g", { class: "vae-cross" }), ellipse = h("ellipse", {
    class: "vae-ellipse", visibility: "hidden" });
  const rings = h("g", { class: "vae-rings" });
  const svg = h("svg", { viewBox: `0 0 ${size} ${size}`, class: "vae-map", tabindex: "0",
    role: "application", "data-lm-suppress-shortcuts": "true",
    "aria-label": "Map of the latent plane. Arrow keys move z." }, rings, points, ellipse, cross);
  let model, codes, span, z = new Float32Array(2);

  const axis = (d) => slider(d ? "z2 (up)" : "z1 (right)", { min: -4, max: 4, step: 0.01, value: 0 },
    (value) => { z[d] = value; move(z); });
  const controls = [axis(0), axis(1)];
  const pickModel = modelChoice(source, names, first, use);
  const toX = (value) => size / 2 + (value / span) * (size / 2);
  const toY = (value) => size / 2 - (value / span) * (size / 2);

  function use(name) {
    model = source.model(name);
    codes = images ? source.codes(model) : [];
    span = reach(codes);
    for (const { input } of controls) {
      input.min = -span;
      input.max = span;
    }
    rings.replaceChildren(...[1, 2, 3].map((r) => h("circle", { cx: size / 2, cy: size / 2,
      r: (r / span) * (size / 2) })));
    points.replaceChildren();
    codes.forEach(({ mu }, i) => points.append(h("circle", { cx: toX(mu[0]), cy: toY(mu[1]), r: 3.2,
      class: `vae-c${images.labels[i]}` })));
    if (images) images.classes.forEach((text, label) => {
      const of = images.of(label);
      if (!of.length) return;
      const middle = (d) => of.map((i) => codes[i].mu[d]).sort((a, b) => a - b)[of.length >> 1];
      points.append(h("text", { x: toX(middle(0)), y: toY(middle(1)) }, text));
    });
    const cells = [];
    for (let r = 0; r < around; r++)
      for (let c = 0; c < around; c++)
        cells.push(model.decode([((2 * c + 1) / around - 1) * span, (1 - (2 * r + 1) / around) * span]));
    grid.draw(cells);
    ellipse.setAttribute("visibility", "hidden");
    original.clear();
    again.clear();
    move([0, 0]);
  }

  function move(to) {
    z = Float32Array.from(to, (value) => Math.max(-span, Math.min(span, value)));
    controls.forEach((control, d) => control.set(z[d]));
    const image = model.decode(z), [x, y] = [toX(z[0]), toY(z[1])];
    picture.draw([image]);
    cross.replaceChildren(
      h("line", { x1: x, x2: x, y1: 0, y2: size }), h("line", { x1: 0, x2: size, y1: y, y2: y }),
      h("circle", { cx: x, cy: y, r: 6 }));
    clearTimeout(move.timer);
    move.timer = setTimeout(() => {
      const like = images ? `, looks most like: ${images.classes[images.nearest(image)]}` : "";
      where.textContent = `z = (${number(z[0])}, ${number(z[1])})${like}`;
      picture.describe(where.textContent);
      status.say(where.textContent);
      onChange(Array.from(z));
    }, 120);
  }

  function load(i) {
    const code = source.code(model, i), sigma = sigmas(code), name = images.classes[images.labels[i]];
    original.draw([images.image(i)], name);
    again.draw([model.decode(code.mu)], name);
    ellipse.setAttribute("visibility", sigma ? "visible" : "hidden");
    if (sigma) {
      const to = size / 2 / span;
      Object.entries({ cx: toX(code.mu[0]), cy: toY(code.mu[1]), rx: 2 * sigma[0] * to,
        ry: 2 * sigma[1] * to }).forEach(([key, value]) => ellipse.setAttribute(key, value));
    }
    note.textContent = `Test image ${i} (${name}): μ = (${number(code.mu[0])}, ${number(code.mu[1])})` +
      (sigma ? `, σ = (${number(sigma[0])}, ${number(sigma[1])}); the ellipse is μ ± 2σ.`
        : "; an autoencoder has no σ.");
    move(code.mu);
  }

  function pointer(event) {
    const box = svg.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * 2 * span - span,
      span - ((event.clientY - box.top) / box.height) * 2 * span];
  }
  svg.addEventListener("pointermove", (event) => move(pointer(event)));
  svg.addEventListener("pointerdown", (event) => {
    const [x, y] = pointer(event);
    let best = -1, least = (0.03 * span) ** 2; // as near as a finger can point
    codes.forEach(({ mu }, i) => {
      const distance = (mu[0] - x) ** 2 + (mu[1] - y) ** 2;
      if (distance < least) [best, least] = [i, distance];
    });
    if (best < 0) move([x, y]);
    else load(best);
  });
  svg.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!by) return;
    event.preventDefault();
    const step = span * (event.shiftKey ? 0.1 : 0.02);
    move([z[0] + by[0] * step, z[1] + by[1] * step]);
  });

  const note = h("p", { class: "vae-small" },
    "Each point is the code of a test image, coloured by its class. Press one to load it.");
  const gridId = newId();
  const behind = h("input", { type: "checkbox", id: gridId,
    onchange: () => grid.canvas.classList.toggle("vae-hidden", !behind.checked) });
  grid.canvas.classList.add("vae-hidden");
  root.append(
    h("div", { class: "vae-bar" }, pickModel.row,
      h("div", { class: "vae-choice" }, behind, h("label", { for: gridId }, "decode the whole plane"))),
    h("div", { class: "vae-columns" },
      h("div", { class: "vae-main" },
        h("div", { class: "vae-mapbox" }, grid.canvas, svg),
        h("p", { class: "vae-small" }, "The dashed circles are 1, 2 and 3 standard deviations of the prior.")),
      h("div", { class: "vae-side" }, figure(picture, "decoded z"), where,
        ...controls.map(({ row }) => row),
        h("div", { class: "vae-pair" }, figure(original, "test image"), figure(again, "decoded μ")), note)),
    images ? tiles(images, "Load a", load) : "", status.element);
  use(first);
  return { get z() { return Array.from(z); }, set z(to) { move(to); },
    use: (name) => { pickModel.select.value = name; use(name); }, stop() {} };
}

// -- the drawing pad ------------------------------------------------------------------------------

function pad(root, source, { model: first, names, samples = 10, onChange = () => {} } = {}) {
  const { images } = source;
  names = (names ?? source.names).filter((name) => source.packed.get(name).graph.encode);
  if (!names.length) throw new ModelError("A drawing pad needs a model that can encode.");
  first ??= names[0];
  const side = 280, unit = side / 28;
  const canvas = h("canvas", { class: "vae-pad", width: side, height: side, tabindex: "0",
    role: "application", "aria-label":
      "Drawing pad. Draw with mouse or finger; or with arrow keys, after Space has put the pen down." });
  const context = canvas.getContext("2d");
  const seen = new Picture("What the encoder sees", { className: "vae-medium" });
  const again = new Picture("Ten samples, decoded", { columns: 5, rows: Math.ceil(samples / 5), gap: 1,
    className: "vae-wide" });
  const chart = gaussians(), status = new Status();
  const score = h("p", { class: "vae-score" }), hint = h("p", { class: "vae-small" });
  let model = null, strokes = [], given = null, pen = { at: [14, 14], down: false, shown: false };
  let asked = false;

  const pickModel = modelChoice(source, names, first, use);

  function use(name) {
    model = source.model(name);
    encode();
  }

  function paint() {
    context.fillStyle = "#fff";
    context.fillRect(0, 0, side, side);
    if (given !== null) {
      const tile = new Picture("");
      tile.draw([images.image(given)]);
      context.imageSmoothingEnabled = false;
      context.drawImage(tile.canvas, 0, 0, side, side);
    }
    context.strokeStyle = context.fillStyle = "#000";
    context.lineWidth = 2 * (BRUSH + 0.2) * unit;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of strokes) {
      context.beginPath();
      stroke.forEach(([x, y]) => context.lineTo(x * unit, y * unit));
      if (stroke.length === 1) context.lineTo(stroke[0][0] * unit + 0.1, stroke[0][1] * unit);
      context.stroke();
    }
    if (pen.shown) {
      const [x, y] = pen.at.map((v) => v * unit);
      context.strokeStyle = pen.down ? "#d55e00" : "#0072b2";
      context.lineWidth = 2;
      context.strokeRect(x - 7, y - 7, 14, 14);
    }
  }

  function changed() {
    paint();
    if (!asked) requestAnimationFrame(() => { asked = false; encode(); });
    asked = true;
  }

  function encode() {
    paint();
    const drawn = centred(strokes);
    const image = given !== null ? images.image(given) : drawn && rasterise(drawn);
    clear.disabled = undo.disabled = !image;
    if (!image) {
      seen.clear();
      again.clear();
      chart.draw(null);
      score.textContent = "";
      hint.textContent = "The pad is empty: draw a digit, or take a test image.";
      return;
    }
    seen.draw([image]);
    const code = model.encode(image);
    const logits = Array.from({ length: samples }, () => model.logits(sample(code)));
    const decoded = logits.map((row) => row.map((l) => 1 / (1 + Math.exp(-l))));
    again.draw(decoded);
    chart.draw(code);
    const mean = logits.reduce((sum, row) => sum + logLikelihood(image, row), 0) / samples;
    const known = model.weights["codes.score"]?.data;
    const below = known ? known.filter((value) => value < mean).length / known.length : null;
    score.replaceChildren("Reconstruction probability: ", h("b", {}, `${number(mean, 0)} nats`),
      below === null ? "" : `, higher than that of ${Math.round(100 * below)} % of the test images` +
        (below < 0.01 ? ": it is unlike most of what the model has seen." : "."));
    hint.textContent = model.kind === "vae" ? ""
      : "An autoencoder has no σ: all ten samples are the same.";
    const average = decoded[0].map((_, i) => decoded.reduce((sum, row) => sum + row[i], 0) / samples);
    const like = images ? images.classes[images.nearest(average)] : null;
    if (like) {
      hint.textContent = `The decoded samples look most like: ${like}. ${hint.textContent}`;
      again.describe(`look most like ${like}`);
    }
    status.say(`${score.textContent} ${hint.textContent}`);
    onChange({ image: Array.from(image), mu: Array.from(code.mu) });
  }

  function at(event) {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * 28, ((event.clientY - box.top) / box.height) * 28];
  }
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    given = null;
    pen.shown = pen.down = false;
    strokes.push([at(event)]);
    changed();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId) || !strokes.length) return;
    const more = event.getCoalescedEvents?.() ?? [];
    strokes.at(-1).push(...(more.length ? more : [event]).map(at));
    changed();
  });
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === " ") {
      pen.down = !pen.down;
      given = null;
      if (pen.down) strokes.push([pen.at]);
      status.say(pen.down ? "Pen down" : "Pen up");
    } else if (by) {
      pen.at = pen.at.map((v, d) => Math.max(1, Math.min(27, v + by[d])));
      if (pen.down && strokes.length) strokes.at(-1).push(pen.at);
    } else return;
    pen.shown = true;
    event.preventDefault();
    changed();
  });
  canvas.addEventListener("blur", () => { pen.shown = pen.down = false; paint(); });

  const clear = button("Clear", () => { strokes = []; given = null; pen.down = false; encode(); });
  const undo = button("Undo", () => {
    if (given === null) strokes.pop();
    given = null;
    pen.down = false;
    encode();
  });
  const load = (i) => { strokes = []; given = i; encode(); };
  root.append(
    h("div", { class: "vae-bar" }, pickModel.row, clear, undo, button("Sample again", () => encode())),
    h("div", { class: "vae-columns" },
      h("div", { class: "vae-side" }, canvas),
      h("div", { class: "vae-main" },
        h("div", { class: "vae-pair" },
          figure(seen, "cropped and centred like MNIST"),
          h("figure", { class: "vae-figure vae-grow" }, chart.element,
            h("figcaption", {}, "μ ± 2σ of each dimension; shaded: the prior"))),
        figure(again, "ten z drawn from N(μ, σ²), decoded"), score, hint)),
    images ? tiles(images, "Take a test image:", load) : "",
    h("details", {}, h("summary", {}, "What is the reconstruction probability?"),
      h("p", {}, "How probable the decoder finds your picture, given the codes that the encoder " +
        "proposes for it: the mean of log p(x|z) over the ten samples, in nats. A picture that is " +
        "unlike the training data gets a low one, so it can be used to find anomalies: draw a house.")),
    status.element);
  use(first);
  return {
    get strokes() { return strokes; },
    set strokes(to) { strokes = to; given = null; encode(); },
    use: (name) => { pickModel.select.value = name; use(name); }, stop() {},
  };
}

// -- the ladder of β ------------------------------------------------------------------------------

/** `ladders`: {what a menu calls it: names of models}; else all VAEs are one ladder. */
function ladder(root, source, { names: all = source.names, ladders = { "": all }, reference = null,
  columns = 10 } = {}) {
  const { images } = source;
  const beta = (name) => source.packed.get(name).beta;
  const steps = (names) => names.filter((name) => source.packed.get(name).kind === "vae" &&
    beta(name) !== null).sort((a, b) => beta(a) - beta(b));
  const kinds = Object.keys(ladders).filter((kind) => steps(ladders[kind]).length > 1);
  if (!kinds.length || !images)
    throw new ModelError("A β slider needs at least two VAEs that differ in β, and test images.");
  let names = steps(ladders[kinds[0]]);
  const chosen = images.classes.flatMap((_, label) => images.of(label)[1] ?? []).slice(0, columns);
  const strip = (label) => new Picture(label, { columns, gap: 2, className: "vae-strip-picture" });
  const tops = strip("Test images"), recs = strip("Their reconstructions");
  const one = new Picture("Samples from the prior, decoded", { columns, rows: 2, gap: 2, className: "vae-strip-picture" });
  const status = new Status();
  const numbers = h("tbody", {});
  let z;

  const control = slider("β", { min: 0, max: 0, step: 1, value: 0 }, show,
    (i) => String(beta(names[i])));
  const pickLadder = choice("Models", kinds.map((kind) => [kind, kind]), kinds[0], climb);
  pickLadder.row.hidden = kinds.length < 2;

  function climb(kind) {
    names = steps(ladders[kind]);
    control.input.max = names.length - 1;
    const middle = names.findIndex((name) => beta(name) === 1);
    control.set(middle < 0 ? names.length >> 1 : middle);
    show();
  }

  /** Each image's code as stored: a ladder can do without encoders. */
  const reconstruct = (model) => chosen.map((i) => model.decode(source.code(model, i).mu));
  const decode = (model) => z.map((row) => model.decode(row.subarray(0, model.nz)));

  function draw() {
    const most = Math.max(...source.names.map((name) => source.packed.get(name).nz));
    z = Array.from({ length: 2 * columns }, () => normals(most));
  }

  function show() {
    const name = names[control.value], model = source.model(name), { losses } = model;
    recs.draw(reconstruct(model), `β = ${beta(name)}`);
    one.draw(decode(model), `β = ${beta(name)}`);
    numbers.replaceChildren(...names.map((each) => {
      const known = source.packed.get(each).losses;
      const cell = (key) => h("td", {}, known[key] === undefined ? "–" : number(known[key], 1));
      return h("tr", each === name ? { class: "vae-chosen", "aria-current": "true" } : {},
        h("th", { scope: "row" }, String(beta(each))), cell("reconstruction"), cell("kl"));
    }));
    status.say(`β = ${beta(name)}: reconstruction ${number(losses.reconstruction ?? NaN, 1)}, KL ` +
      `${number(losses.kl ?? NaN, 1)} nats per image.`);
  }

  const rows = [figure(tops, "test images"), figure(recs, "their reconstructions"),
    figure(one, "samples: z drawn from the prior N(0, I), decoded")];
  tops.draw(chosen.map((i) => images.image(i)), chosen.map((i) => images.classes[images.labels[i]]).join(", "));
  const table = h("table", { class: "vae-table" },
    h("caption", {}, "test losses, nats per image"),
    h("thead", {}, h("tr", {}, ...["β", "reconstruction", "KL"].map((text) => h("th", { scope: "col" }, text)))),
    numbers);
  let compare = "";
  if (reference && source.packed.has(reference)) {
    const model = source.model(reference);
    const left = strip("Reconstructions of the autoencoder"), right = strip("The autoencoder's decoding of prior samples");
    left.draw(reconstruct(model));
    compare = h("details", {}, h("summary", {}, "Compare: an autoencoder"), figure(left, "reconstructions"),
      figure(right, "z drawn from N(0, I), decoded: it never learned what lies there"));
    const show0 = () => right.draw(decode(model).slice(0, columns));
    compare.addEventListener("toggle", show0);
  }
  root.append(
    h("div", { class: "vae-bar" }, control.row, button("New samples", () => { draw(); show(); }),
      pickLadder.row),
    h("div", { class: "vae-columns" }, h("div", { class: "vae-main" }, ...rows), h("div", { class: "vae-side" }, table)),
    compare, status.element);
  draw();
  climb(kinds[0]);
  return { get beta() { return beta(names[control.value]); },
    set step(i) { control.set(i); show(); }, stop() {} };
}

// -- interpolation --------------------------------------------------------------------------------

const OWN = 255; // the label of images that have none

/** `own`: the places among the images of two that the reader brought; they have no class. */
function interpolation(root, source, { names = source.names, steps = 9, from = 0, to = 8,
  own = null } = {}) {
  const { images } = source;
  if (!images) throw new ModelError("Interpolation needs test images to start from.");
  const status = new Status();
  const ends = [from, to].map((label) => ({ label: own ? OWN : label, n: 0 }));
  const shown = [new Picture("From", { className: "vae-medium" }), new Picture("To", { className: "vae-medium" })];
  const spherical = choice("Path", [["", "linear"], ["1", "spherical"]], "", () => show());
  const control = slider("t", { min: 0, max: 1, step: 0.01, value: 0.5 }, () => show());
  let shownModels = names.slice(0, 2);
  const rows = shownModels.map((name, k) => {
    const large = new Picture("Decoded at t", { className: "vae-medium" });
    const strip = new Picture("The whole walk", { columns: steps, gap: 1, className: "vae-wide" });
    const pick = modelChoice(source, names, name, (value) => { shownModels[k] = value; show(); }, k ? "Below" : "Above");
    const title = names.length > 2 ? pick.row : h("h4", {}, source.title(name));
    return { large, strip, element: h("div", { class: "vae-walk" }, title,
      h("div", { class: "vae-pair" }, figure(large, "at t"), h("div", { class: "vae-grow" }, figure(strip, "from t = 0 to t = 1")))) };
  });

  /** The number of the image that the walk starts (k = 0) or ends (k = 1) with. */
  function place(k) {
    const { label, n } = ends[k], of = images.of(label);
    return label === OWN ? own[k] : of[n % of.length];
  }

  function show() {
    const t = control.value, round = Boolean(spherical.select.value), told = [];
    ends.forEach(({ label }, k) =>
      shown[k].draw([images.image(place(k))], label === OWN ? "your image" : images.classes[label]));
    rows.forEach(({ large, strip }, k) => {
      const model = source.model(shownModels[k]), [a, b] = [0, 1].map((k) => source.code(model, place(k)).mu);
      const image = model.decode(between(a, b, t, round));
      const like = images.classes[images.nearest(image)];
      large.draw([image], `looks most like ${like}`);
      told.push(`${source.title(shownModels[k])} looks most like ${like}`);
      strip.draw(Array.from({ length: steps }, (_, i) => model.decode(between(a, b, i / (steps - 1), round))));
    });
    status.say(`t = ${number(t)}: ${told.join("; ")}.`);
  }

  const chooser = (k) => {
    const options = images.classes.map((name, label) => [String(label), name]);
    if (own) options.unshift([String(OWN), "your image"]);
    const pick = choice(k ? "To" : "From", options, String(ends[k].label), (value) => {
      ends[k] = { label: Number(value), n: 0 };
      show();
    });
    return h("div", { class: "vae-end" }, figure(shown[k], k ? "to" : "from"), pick.row,
      button("Another", () => { ends[k].n++; show(); }, { "aria-label": `Another image to ${k ? "end" : "start"} with` }));
  };
  root.append(
    h("div", { class: "vae-bar" }, control.row, spherical.row),
    h("div", { class: "vae-columns" }, h("div", { class: "vae-ends" }, chooser(0), chooser(1)),
      h("div", { class: "vae-main" }, ...rows.map(({ element }) => element))), status.element);
  show();
  return { set t(value) { control.set(value); show(); }, stop() {} };
}

// -- statistics of the classes --------------------------------------------------------------------

function classStatistics(root, source, { model: first = source.names[0], names = source.names } = {}) {
  const { images } = source;
  if (!images) throw new ModelError("Statistics need test images.");
  const holder = h("div", { class: "vae-scroll", tabindex: "0", role: "region", "aria-label": "Table of statistics" });
  const save = h("a", { download: "statistics.csv", href: "#" }, "Save as CSV");
  const classes = images.classes.length;
  const middles = new Picture("Decoded mean of each class", { columns: classes, gap: 2, className: "vae-strip-picture" });
  let name = first, which = "mean";
  const pickModel = modelChoice(source, names, first, (value) => { name = value; show(); });
  const pick = choice("Show", [["mean", "means of μ"], ["std", "standard deviations of μ"]], which,
    (value) => { which = value; show(); });

  function show() {
    const model = source.model(name);
    const tables = statistics(source.codes(model), images.labels, classes);
    middles.draw(tables.mean.map((mean) => model.decode(mean)), images.classes.join(", "));
    const values = tables[which].flat().filter(Number.isFinite).sort((a, b) => a - b);
    const middle = which === "mean" ? 0 : values[values.length >> 1];
    const width = Math.max(...values.map((value) => Math.abs(value - middle)), 1e-9);
    const head = ["class", ...Array.from({ length: model.nz }, (_, d) => `z${d + 1}`)];
    const cell = (value) => {
      const share = (value - middle) / width, colour = share > 0 ? "--vae-warm" : "--vae-cold";
      return h("td", { style: `background: rgb(var(${colour}) / ${(0.6 * Math.abs(share)).toFixed(2)})` }, number(value));
    };
    holder.replaceChildren(h("table", { class: "vae-table" },
      h("caption", {}, `${which === "mean" ? "mean" : "standard deviation"} of μ over ` +
        `${images.labels.length / classes} test images of each class`),
      h("thead", {}, h("tr", {}, ...head.map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, ...tables[which].map((row, label) =>
        h("tr", {}, h("th", { scope: "row" }, images.classes[label]), ...row.map(cell))))));
    const columns = Object.keys(tables).flatMap((key) => head.slice(1).map((z) => `${key} ${z}`));
    const lines = images.classes.map((text, label) =>
      [text, ...tables.mean[label], ...tables.std[label]].join(","));
    save.href = "data:text/csv;charset=utf-8," + encodeURIComponent([["class", ...columns].join(","), ...lines].join("\n") + "\n");
  }
  root.append(h("div", { class: "vae-bar" }, pickModel.row, pick.row, save),
    figure(middles, "the mean code of each class, decoded"), holder);
  show();
  return { stop() {} };
}

// -- mounting -------------------------------------------------------------------------------------

const EXPLORERS = { latents, plane, pad, ladder, interpolation, statistics: classStatistics };

/** Puts an explorer into `root`; a sentence, and null, where it cannot work. */
export function mount(root, name, source, options = {}) {
  root.replaceChildren();
  root.classList.add("vae");
  try {
    if (!Object.hasOwn(EXPLORERS, name)) throw new ModelError(`There is no explorer “${name}”.`);
    return EXPLORERS[name](root, source, options);
  } catch (error) {
    complain(root, error);
    return null;
  }
}

export function complain(root, error) {
  const known = error instanceof ModelError;
  const text = known ? error.message : `This explorer cannot run in this browser (${error.message}).`;
  root.classList.add("vae");
  root.replaceChildren(h("p", { class: "vae-alert", role: "alert" }, text));
}
