// Models that differ in β: what they reconstruct, what they draw from the prior, and both losses.

import { ModelError } from "./decoder.js";
import { Picture, Score, Status, button, choice, figure, h, idle, number, slider } from "./pieces.js";
import { normals } from "./source.js";

/** `ladders`: {what a menu calls it: names of models}; else all VAEs are one ladder. */
export function ladder(root, source, { names: all = source.names, ladders = { "": all }, reference = null,
  columns = 10, beta: begin = 1, onSeen = () => {} } = {}) {
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
  const status = new Status(), passing = new Score(source);
  const curve = rates((i) => { control.set(i); show(); });
  const reconstructed = new Map(), sampled = new Map(), passed = new Map(); // of each model: computed once
  const numbers = h("tbody", {});
  let z;

  const control = slider("β", { min: 0, max: 0, step: 1, value: 0 }, show,
    (i) => String(beta(names[i])));
  const pickLadder = choice("Models", kinds.map((kind) => [kind, kind]), kinds[0], climb);
  pickLadder.row.hidden = kinds.length < 2;

  function climb(kind) {
    names = steps(ladders[kind]);
    control.range(0, names.length - 1);
    const middle = names.findIndex((name) => beta(name) === begin);
    control.set(middle < 0 ? names.length >> 1 : middle);
    list();
    curve.use(names.map((name) => ({ beta: beta(name), ...source.packed.get(name).losses })));
    show();
  }

  const once = (cache, name, make) => {
    if (!cache.has(name)) cache.set(name, make(source.model(name)));
    return cache.get(name);
  };

  /** Each image's code as stored: a ladder can do without encoders. */
  const reconstruct = (name) => once(reconstructed, name, (model) =>
    chosen.map((i) => model.decode(source.code(model, i).mu)));
  const decode = (name) => once(sampled, name, (model) =>
    z.map((row) => model.decode(row.subarray(0, model.nz))));
  const pass = (name) => once(passed, name, () => passing.count(decode(name)));

  function draw() {
    const most = Math.max(...source.names.map((name) => source.packed.get(name).nz));
    z = Array.from({ length: 2 * columns }, () => normals(most));
    sampled.clear();
    passed.clear();
    idle(names.flatMap((name) => [() => reconstruct(name), () => decode(name), () => pass(name)]));
  }

  function show() {
    const name = names[control.value], { losses } = source.packed.get(name);
    recs.draw(reconstruct(name), `β = ${beta(name)}`);
    one.draw(decode(name), `β = ${beta(name)}`);
    passing.say(pass(name), 2 * columns);
    curve.choose(control.value);
    [...numbers.rows].forEach((row, i) => {
      row.classList.toggle("vae-chosen", i === control.value);
      row.setAttribute("aria-current", String(i === control.value));
    });
    status.say(`β = ${beta(name)}: reconstruction ${number(losses.reconstruction ?? NaN, 1)}, KL ` +
      `${number(losses.kl ?? NaN, 1)} nats per image. ${passing.element.textContent}`);
    onSeen({ beta: beta(name), passed: pass(name), all: names.map((each) => [beta(each), passed.get(each)]) });
  }

  function list() {
    numbers.replaceChildren(...names.map((each) => {
      const known = source.packed.get(each).losses;
      const cell = (key) => h("td", {}, known[key] === undefined ? "–" : number(known[key], 1));
      return h("tr", {}, h("th", { scope: "row" }, String(beta(each))), cell("reconstruction"), cell("kl"));
    }));
  }

  const rows = [figure(tops, "test images"), figure(recs, "their reconstructions"),
    figure(one, "samples: z drawn from the prior N(0, I), decoded"), passing.element];
  tops.draw(chosen.map((i) => images.image(i)), chosen.map((i) => images.classes[images.labels[i]]).join(", "));
  const table = h("table", { class: "vae-table" },
    h("caption", {}, "test losses, nats per image"),
    h("thead", {}, h("tr", {}, ...["β", "reconstruction", "KL"].map((text) => h("th", { scope: "col" }, text)))),
    numbers);
  let compare = "";
  if (reference && source.packed.has(reference)) {
    const left = strip("Reconstructions of the autoencoder"), right = strip("The autoencoder's decoding of prior samples");
    const theirs = new Score(source);
    left.draw(reconstruct(reference));
    compare = h("details", {}, h("summary", {}, "Compare: an autoencoder"), figure(left, "reconstructions"),
      figure(right, "z drawn from N(0, I), decoded: it never learned what lies there"),
      theirs.element);
    compare.addEventListener("toggle", () => {
      right.draw(decode(reference).slice(0, columns));
      theirs.draw(decode(reference));
    });
  }
  root.append(
    h("div", { class: "vae-bar" }, control.row, button("New samples", () => { draw(); show(); }),
      pickLadder.row),
    h("div", { class: "vae-columns" }, h("div", { class: "vae-main" }, ...rows), h("div", { class: "vae-side" }, curve.element, table)),
    compare, status.element);
  draw();
  climb(kinds[0]);
  return { get beta() { return beta(names[control.value]); },
    set step(i) { control.set(i); show(); }, stop() {} };
}

/** The rate–distortion curve: KL to the right, reconstruction upwards, a point for every β. */
function rates(onPick) {
  const width = 320, height = 220, left = 52, below = 36;
  const line = h("polyline", { class: "vae-trail" }), points = h("g", {}), axes = h("g", { class: "vae-axes" });
  const svg = h("svg", { viewBox: `0 0 ${width} ${height}`, class: "vae-rates", role: "img" }, axes, line, points);
  let known = [];

  function use(ladder) {
    known = ladder.map((step, i) => ({ ...step, i })).filter(({ kl, reconstruction }) =>
      Number.isFinite(kl) && Number.isFinite(reconstruction));
    svg.toggleAttribute("hidden", known.length < 2);
    const codes = known.map(({ kl }) => Math.max(kl, 0.1)), ends = [Math.min(...codes) / 1.3, Math.max(...codes) * 1.3];
    const range = known.map(({ reconstruction }) => reconstruction), low = Math.min(...range), high = Math.max(...range);
    const x = (kl) => left + (Math.log(Math.max(kl, 0.1) / ends[0]) / Math.log(ends[1] / ends[0])) * (width - left - 12);
    const y = (nats) => 24 + ((high - nats) / (high - low || 1)) * (height - below - 36);
    const tick = (max) => [1, 2, 5, 10, 20, 50, 100, 200].find((step) => max / step <= 5) ?? 500;
    axes.replaceChildren(
      h("line", { x1: left, x2: width, y1: height - below, y2: height - below }),
      h("line", { x1: left, x2: left, y1: 4, y2: height - below }),
      h("text", { x: (left + width) / 2, y: height - 7 }, "KL: nats that the code carries, ×3 a step"),
      h("text", { x: 0, y: 0, transform: `translate(8 ${(height - below) / 2}) rotate(-90)` }, "−log p(x|z), nats"));
    for (const v of [0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000])
      if (v >= ends[0] && v <= ends[1]) axes.append(h("text", { x: x(v), y: height - below + 12 }, String(v)));
    const step = tick(high - low);
    for (let v = Math.ceil(low / step) * step; v <= high; v += step)
      axes.append(h("text", { x: left - 4, y: y(v), class: "vae-end" }, String(v)));
    const sorted = [...known].sort((a, b) => a.kl - b.kl);
    line.setAttribute("points", sorted.map(({ kl, reconstruction }) => `${x(kl)},${y(reconstruction)}`).join(" "));
    points.replaceChildren(...sorted.map(({ kl, reconstruction, beta, i }) => {
      const at = [x(kl), y(reconstruction)], right = at[0] > width - 50;
      return h("g", { onclick: () => onPick(i), "data-step": i },
        h("title", {}, `β = ${beta}: KL ${number(kl, 1)}, −log p(x|z) ${number(reconstruction, 1)} nats`),
        h("circle", { cx: at[0], cy: at[1], r: 5 }),
        h("text", { x: at[0] + (right ? 4 : 7), y: at[1] - 9, class: right ? "vae-end" : "" }, `β ${beta}`));
    }));
  }

  function choose(step) {
    const named = []; // places of names, the chosen one's first; a name that would cover another is left out
    const chosen = (point) => Number(point.dataset.step) === step;
    for (const point of [...points.children].sort((a, b) => chosen(b) - chosen(a))) {
      const at = ["cx", "cy"].map((name) => Number(point.querySelector("circle").getAttribute(name)));
      const covered = named.some((other) => Math.hypot(other[0] - at[0], other[1] - at[1]) < 30);
      if (!covered) named.push(at);
      point.classList.toggle("vae-covered", covered);
      point.classList.toggle("vae-on", chosen(point));
    }
    const at = known.find(({ i }) => i === step);
    svg.setAttribute("aria-label", "Rate and distortion: a point for every β" + (at
      ? `; β = ${at.beta} has KL ${number(at.kl, 1)} and reconstruction ${number(at.reconstruction, 1)} nats` : ""));
  }
  return { element: figure({ canvas: svg }, "rate and distortion: what a better picture costs"), use, choose };
}
