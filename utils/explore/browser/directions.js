// Directions with names, found from labelled images, and arithmetic with pictures.

import { ModelError } from "./decoder.js";
import { Picture, Status, button, choice, figure, h, modelChoice, number, slider } from "./pieces.js";

/** What can be measured of a picture: how far it leans, how much ink it has, how wide and high it is. */
export function measures(image) {
  let ink = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;
  for (let i = 0; i < 784; i++) {
    ink += image[i];
    x += image[i] * (i % 28);
    y += image[i] * Math.floor(i / 28);
  }
  [x, y] = [x / ink, y / ink];
  for (let i = 0; i < 784; i++) {
    const [dx, dy] = [(i % 28) - x, Math.floor(i / 28) - y];
    xx += image[i] * dx * dx;
    yy += image[i] * dy * dy;
    xy += image[i] * dx * dy;
  }
  return { slant: -xy / Math.max(yy, 1e-6), boldness: ink / 784, width: Math.sqrt(xx / ink), height: Math.sqrt(yy / ink) };
}

const NAMED = { MNIST: ["slant", "boldness", "width"], FashionMNIST: ["boldness", "width", "height"] };

/**
 * The direction in which a quantity grows: of the codes' regression on it, within the classes, so that
 * no class stands for it. One step of it is one standard deviation of the quantity.
 */
export function direction(codes, values, labels) {
  const nz = codes[0].length, sums = new Map();
  codes.forEach((code, i) => {
    const sum = sums.get(labels[i]) ?? { n: 0, value: 0, code: new Float64Array(nz) };
    sum.n++;
    sum.value += values[i];
    code.forEach((v, d) => { sum.code[d] += v; });
    sums.set(labels[i], sum);
  });
  const along = new Float64Array(nz);
  let variance = 0;
  codes.forEach((code, i) => {
    const { n, value, code: total } = sums.get(labels[i]), by = values[i] - value / n;
    variance += by * by;
    code.forEach((v, d) => { along[d] += by * (v - total[d] / n); });
  });
  const scale = 1 / Math.sqrt(variance * codes.length || 1);
  return Float32Array.from(along, (v) => v * scale);
}

/** Sliders along named directions, and from one class to another. */
export function directions(root, source, { model: first = source.names[0], names = source.names, start = 4,
  onSeen = () => {} } = {}) {
  const { images } = source;
  if (!images) throw new ModelError("Directions need labelled test images.");
  const named = NAMED[images.dataset] ?? NAMED.MNIST, status = new Status();
  const measured = Array.from(images.labels, (_, i) => measures(images.image(i)));
  const picture = new Picture("Decoded picture", { className: "vae-large" });
  const original = new Picture("Where it starts", { className: "vae-medium" });
  const said = h("p", { class: "vae-small vae-said" });
  let model, base, along, at = images.of(start)[0];
  const controls = named.map((name) => slider(name, { min: -4, max: 4, step: 0.05, value: 0 }, show,
    (v) => `${number(v, 1)} sd`));
  const kinds = images.classes.map((name, label) => [String(label), name]);
  const ends = ["from", "to"].map((label, k) => choice(label, kinds, String(k ? 9 : 4), () => find()));
  const share = slider("of the way", { min: 0, max: 1, step: 0.01, value: 0 }, show, (v) => `${Math.round(100 * v)} %`);
  const pickModel = modelChoice(source, names, first, use);

  function use(name) {
    model = source.model(name);
    find();
  }

  function find() {
    const codes = source.codes(model).map(({ mu }) => mu);
    along = named.map((name) => direction(codes, measured.map((each) => each[name]), images.labels));
    const mean = (label) => along[0].map((_, d) => images.of(label).reduce((sum, i) => sum + codes[i][d], 0) / images.of(label).length);
    const [from, to] = ends.map(({ select }) => mean(Number(select.value)));
    along.push(to.map((v, d) => v - from[d]));
    base = codes[at];
    original.draw([images.image(at)], images.classes[images.labels[at]]);
    show();
  }

  function show() {
    const steps = [...controls.map(({ value }) => value), share.value];
    const image = model.decode(base.map((v, d) => v + steps.reduce((sum, step, k) => sum + step * along[k][d], 0)));
    const seen = source.looks(image), now = measures(image);
    picture.draw([image], seen.text);
    said.textContent = `The picture ${seen.text}; ` +
      named.map((name) => `${name} ${number(now[name], name === "width" || name === "height" ? 1 : 2)}`).join(", ") + ".";
    status.say(said.textContent);
    onSeen({ ...seen, steps });
  }

  const another = (label) => {
    const of = images.of(label);
    at = of[(of.indexOf(at) + 1) % of.length];
    [...controls, share].forEach((control) => control.set(0));
    find();
  };
  const begin = choice("start with", kinds, String(start), (value) => another(Number(value)));
  root.append(
    h("div", { class: "vae-bar" }, pickModel.row, begin.row, button("Another", () => another(Number(begin.select.value)))),
    h("div", { class: "vae-columns vae-sticky" },
      h("div", { class: "vae-side vae-pair" }, figure(original, "test image"), figure(picture, "its code, moved and decoded"), said),
      h("div", { class: "vae-main" }, ...controls.map(({ row }) => row),
        h("div", { class: "vae-row" }, ends[0].row, ends[1].row), share.row)), status.element);
  use(first);
  return { stop() {} };
}

/** A picture minus one plus another, computed with their codes. */
export function arithmetic(root, source, { model: first = source.names[0], names = source.names,
  onSeen = () => {} } = {}) {
  const { images } = source;
  if (!images) throw new ModelError("Arithmetic needs test images.");
  const status = new Status(), result = new Picture("The result", { className: "vae-medium" });
  const said = h("p", { class: "vae-small vae-said" });
  const ink = (i) => measures(images.image(i)).boldness;
  const by = (label, bold) => [...images.of(label)].sort((a, b) => (ink(b) - ink(a)) * (bold ? 1 : -1));
  let model = source.model(first);
  const pickModel = modelChoice(source, names, first, (name) => { model = source.model(name); show(); });

  // a bold one, minus a thin one of the same class, plus a thin one of another; none of them extreme
  const operands = [[4, true], [4, false], [9, false]].map(([label, bold], k) => {
    const picture = new Picture(["This", "minus that", "plus those"][k], { className: "vae-medium" });
    const operand = { label, n: 4, picture, get at() { const of = by(operand.label, bold); return of[operand.n % of.length]; } };
    const pick = choice("", images.classes.map((name, i) => [String(i), name]), String(label), (value) => {
      Object.assign(operand, { label: Number(value), n: 0 });
      show();
    });
    pick.select.setAttribute("aria-label", `Class: ${["this", "minus that", "plus those"][k]}`);
    operand.element = h("div", { class: "vae-end" }, figure(picture, ["this", "minus that", "plus those"][k]), pick.row,
      button("Another", () => { operand.n++; show(); }, { "aria-label": `Another picture: ${["this", "minus that", "plus those"][k]}` }));
    return operand;
  });

  function show() {
    const [a, b, c] = operands.map(({ at }) => source.code(model, at).mu);
    operands.forEach(({ picture, at, label }) => picture.draw([images.image(at)], images.classes[label]));
    const image = model.decode(a.map((v, d) => v - b[d] + c[d])), seen = source.looks(image);
    result.draw([image], seen.text);
    said.textContent = `The result ${seen.text}.`;
    status.say(said.textContent);
    onSeen({ ...seen, operands: operands.map(({ label }) => label) });
  }

  const sign = (text) => h("span", { class: "vae-sign", "aria-hidden": "true" }, text);
  root.append(h("div", { class: "vae-bar" }, pickModel.row),
    h("div", { class: "vae-sums" }, operands[0].element, sign("−"), operands[1].element, sign("+"), operands[2].element,
      sign("="), h("div", { class: "vae-end" }, figure(result, "decoded sum"), said)), status.element);
  show();
  return { stop() {} };
}
