// Small pieces of page that the explorers are made of.

import { ModelError } from "./decoder.js";
import { sigmas } from "./source.js";

/** An id of its own in the whole document: a notebook runs this module once a widget. */
export function newId() {
  globalThis.vaeLastId = (globalThis.vaeLastId ?? 0) + 1;
  return `vae-${globalThis.vaeLastId}`;
}

const SVG = ["svg", "circle", "ellipse", "line", "path", "polyline", "text", "g", "rect", "title"];

/** An element: h("button", {class: "x", onclick: f}, child, …). */
export function h(tag, properties = {}, ...children) {
  const svg = SVG.includes(tag);
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

export const number = (value, digits = 2) => value.toFixed(digits).replace("-", "−").replace(/^−(0\.?0*)$/, "$1");

/** Images in a grid on one canvas: black ink on white, inverted by the style sheet in the dark. */
export class Picture {
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
    this.canvas.classList.remove("vae-empty");
    this.describe(description);
  }

  describe(text) {
    this.canvas.setAttribute("aria-label", text ? `${this.label}: ${text}` : this.label);
  }

  /** Takes the picture away, and the figure around it. */
  clear() {
    this.canvas.classList.add("vae-empty");
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.describe("nothing yet");
  }
}

export function figure(picture, caption) {
  return h("figure", { class: "vae-figure" }, picture.canvas, h("figcaption", {}, caption));
}

/** A slider; an arrow key moves it by `by`, with Shift ten times as far. */
export function slider(label, { min, max, step, value, by = step }, onInput, said = (v) => number(v)) {
  const id = newId();
  const output = h("output", { for: id, class: "vae-value" });
  const input = h("input", { type: "range", id, min, max, step, value });
  const tell = () => { // filled from 0, or from the end where 0 is not on the scale
    const at = (v) => (100 * (v - input.min)) / (input.max - input.min || 1);
    const ends = [at(Math.max(0, input.min)), at(input.valueAsNumber)].sort((a, b) => a - b);
    input.style.setProperty("--from", `${ends[0]}%`);
    input.style.setProperty("--to", `${ends[1]}%`);
    output.textContent = said(input.valueAsNumber);
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => { tell(); onInput(input.valueAsNumber); });
  input.addEventListener("keydown", (event) => {
    const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!way || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    input.value = input.valueAsNumber + way * by * (event.shiftKey ? 10 : 1);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });
  tell();
  const row = h("div", { class: "vae-slider" }, h("label", { for: id }, label), input, output);
  const set = (v) => { input.value = v; tell(); };
  const range = (low, high) => { input.min = low; input.max = high; tell(); };
  return { row, input, set, range, get value() { return input.valueAsNumber; } };
}

export function choice(label, options, value, onChange) {
  const id = newId();
  const select = h("select", { id, onchange: () => onChange(select.value) },
    ...options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
  return { row: h("div", { class: "vae-choice" }, h("label", { for: id }, label), select), select };
}

export function modelChoice(source, names, value, onChange, label = "Model") {
  const made = choice(label, names.map((name) => [name, source.title(name)]), value, onChange);
  made.row.hidden = names.length < 2;
  return made;
}

export const button = (text, onclick, more = {}) => h("button", { type: "button", onclick, ...more }, text);

/** One button a class, with a test image of it. */
export function tiles(images, verb, onPick) {
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

/** A line that screen readers read out once it has not changed for a second: never every move. */
export class Status {
  constructor() {
    this.element = h("p", { class: "vae-status", role: "status", "aria-live": "polite" });
  }

  say(text) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.element.textContent !== text) this.element.textContent = text;
    }, 1000);
  }
}

/** Runs these functions one after the other whenever the browser has nothing else to do. */
export function idle(tasks) {
  const wait = globalThis.requestIdleCallback ?? ((go) => setTimeout(() => go({ timeRemaining: () => 5 }), 30));
  const go = (deadline) => {
    do tasks.shift()?.(); while (tasks.length && deadline.timeRemaining() > 3);
    if (tasks.length) wait(go);
  };
  if (tasks.length) wait(go);
}

/** How many of these images pass for real, beside the share of real test images that do. */
export class Score {
  constructor(source) {
    this.source = source;
    this.element = h("p", { class: "vae-passing", hidden: !source.classifier });
  }

  /** How many pass. */
  count(images) {
    const { classifier } = this.source;
    return classifier ? images.filter((image) => classifier.passes(image)).length : 0;
  }

  draw(images) {
    this.say(this.count(images), images.length);
  }

  say(passed, count) {
    const { classifier, thing } = this.source;
    if (!classifier) return;
    this.element.replaceChildren(h("b", {}, `${passed} of ${count}`),
      ` pass for ${thing[1]}; of real ones ${Math.round(100 * classifier.passing)} % do.`);
  }
}

// one shape a class, within a circle of radius 1: colour alone tells nothing to many readers
const SHAPES = [
  "M-1 0A1 1 0 1 1 1 0A1 1 0 1 1-1 0Z", "M-.25-1.1H.25V1.1H-.25Z", "M-.85-.85H.85V.85H-.85Z",
  "M0-1.1L1.05.8H-1.05Z", "M0 1.1L1.05-.8H-1.05Z", "M0-1.25L.95 0 0 1.25-.95 0Z",
  "M-.35-1.1H.35V-.35H1.1V.35H.35V1.1H-.35V.35H-1.1V-.35H-.35Z", "M-1.1-.25H1.1V.25H-1.1Z",
  "M-.6-1.05L0-.45.6-1.05 1.05-.6.45 0 1.05.6.6 1.05 0 .45-.6 1.05-1.05.6-.45 0-1.05-.6Z",
  "M0-1.2L.33-.4 1.15-.37.5.15.72.97 0 .5-.72.97-.5.15-1.15-.37-.33-.4Z",
];

/** The mark of a class at a place of an SVG. */
export function mark(label, x, y, size = 4) {
  return h("path", { d: SHAPES[label % SHAPES.length], class: `vae-c${label % SHAPES.length}`,
    transform: `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${size})` });
}

/** What custom properties such as --vae-muted are as colours here and now, for canvases. */
export function shades(root, names) {
  const probe = h("span", { hidden: true });
  root.append(probe);
  const found = names.map((name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return found;
}

export function legend(images) {
  return h("p", { class: "vae-legend vae-small" }, ...images.classes.map((name, label) => h("span", {},
    h("svg", { viewBox: "-1.4 -1.4 2.8 2.8", width: 12, height: 12, "aria-hidden": "true" }, mark(label, 0, 0, 1)),
    ` ${name}`)));
}

/**
 * μ of every dimension before the prior's ±1 and ±2, and σ below on a scale of powers of ten, on
 * which a σ of 0.02 is seen as well as one of 1. The numbers of a dimension are said on hover and focus.
 */
export function gaussians() {
  const chart = (className) => h("svg", { class: `vae-gaussians ${className}`, viewBox: "0 0 100 100",
    preserveAspectRatio: "none", "aria-hidden": "true" });
  const means = chart(""), spreads = chart("vae-low"), said = h("p", { class: "vae-small vae-said" });
  const box = h("div", { class: "vae-two", tabindex: "0", role: "img", "data-lm-suppress-shortcuts": "true" },
    means, spreads);
  let code = null, at = -1;

  function draw(made) {
    code = made;
    means.replaceChildren();
    spreads.replaceChildren();
    if (!code) {
      box.setAttribute("aria-label", "μ and σ: nothing drawn yet");
      said.textContent = "";
      return;
    }
    const { mu } = code, sigma = sigmas(code), n = mu.length, step = 100 / n;
    const span = Math.max(4, ...mu.map(Math.abs));
    const y = (value) => 50 - (value / span) * 48, low = (s) => 96 - 32 * (Math.log10(Math.max(s, 0.01)) + 2);
    const band = (k) => h("rect", { x: 0, width: 100, y: y(k), height: y(-k) - y(k), class: "band" });
    means.append(band(2), band(1), h("line", { x1: 0, x2: 100, y1: 50, y2: 50, class: "axis" }));
    for (const s of [0.1, 1]) spreads.append(h("line", { x1: 0, x2: 100, y1: low(s), y2: low(s), class: "axis" }));
    mu.forEach((m, i) => {
      const x = (i + 0.2) * step, width = 0.6 * step;
      means.append(h("rect", { x, width, y: Math.min(y(m), 50), height: Math.max(Math.abs(y(m) - 50), 2), class: "mu" }));
      if (sigma) spreads.append(h("rect", { x, width, y: low(sigma[i]), height: Math.max(100 - low(sigma[i]), 2), class: "sigma" }));
    });
    spreads.toggleAttribute("hidden", !sigma);
    box.setAttribute("aria-label", "μ and σ of each dimension: " + Array.from(mu, (_, i) => numbers(i)).join("; "));
    tell(at);
  }

  const numbers = (i) => `z${i}: μ ${number(code.mu[i])}` + (code.logvar ? `, σ ${number(sigmas(code)[i], 3)}` : "");

  function tell(i) {
    at = i;
    if (!code) return;
    said.textContent = i >= 0 && i < code.mu.length ? numbers(i)
      : `Above: μ of z0 to z${code.mu.length - 1}, shaded: the prior. ` +
        (code.logvar ? "Below: σ; lines at 0.1 and 1. Point at a bar for its numbers." : "An autoencoder has no σ.");
  }
  const under = (event) => {
    const area = box.getBoundingClientRect();
    return code ? Math.floor(((event.clientX - area.left) / area.width) * code.mu.length) : -1;
  };
  box.addEventListener("pointermove", (event) => tell(under(event)));
  box.addEventListener("pointerleave", () => tell(-1));
  box.addEventListener("focus", () => tell(Math.max(at, 0)));
  box.addEventListener("blur", () => tell(-1));
  box.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || !code) return;
    event.preventDefault();
    tell((at + by + code.mu.length) % code.mu.length);
  });
  draw(null);
  return { element: h("div", {}, box, said), draw };
}

/** How far the sliders of a latent space go: at least 4, and to nearly all codes. */
export function reach(codes, least = 4) {
  const sizes = codes.flatMap(({ mu }) => Array.from(mu, Math.abs)).sort((a, b) => a - b);
  return Math.max(least, Math.ceil(sizes[Math.floor(0.985 * (sizes.length - 1))] ?? 0));
}

/** A sentence in place of an explorer that cannot run. */
export function complain(root, error) {
  const known = error instanceof ModelError;
  const text = known ? error.message : `This explorer cannot run in this browser (${error.message}).`;
  root.classList.add("vae");
  root.replaceChildren(h("p", { class: "vae-alert", role: "alert" }, text));
}
