// From one image to another through the codes of two models.

import { ModelError } from "./decoder.js";
import { Picture, Status, button, choice, figure, h, modelChoice, number, slider } from "./pieces.js";
import { between } from "./source.js";

const OWN = 255; // the label of images that have none

/** `own`: the places among the images of two that the reader brought; they have no class. */
export function interpolation(root, source, { names = source.names, steps = 9, from = 0, to = 8,
  own = null, onSeen = () => {} } = {}) {
  const { images } = source;
  if (!images) throw new ModelError("Interpolation needs test images to start from.");
  const status = new Status();
  const ends = [from, to].map((label) => ({ label: own ? OWN : label, n: 0 }));
  const shown = [new Picture("From", { className: "vae-medium" }), new Picture("To", { className: "vae-medium" })];
  const spherical = choice("Path", [["", "linear"], ["1", "spherical"]], "", () => walk());
  const control = slider("t", { min: 0, max: 1, step: 0.01, value: 0.5 }, () => show());
  const shownModels = names.slice(0, 2), codes = [], said = h("p", { class: "vae-small vae-said" });
  let naming;
  const rows = shownModels.map((name, k) => {
    const large = new Picture("Decoded at t", { className: "vae-medium" });
    const strip = new Picture("The whole walk", { columns: steps, gap: 1, className: "vae-wide" });
    const pick = modelChoice(source, names, name, (value) => { shownModels[k] = value; walk(); }, k ? "Below" : "Above");
    const title = names.length > 2 ? pick.row : h("h4", {}, source.title(name));
    return { large, strip, element: h("div", { class: "vae-walk" }, title,
      h("div", { class: "vae-pair" }, figure(large, "at t"), h("div", { class: "vae-grow" }, figure(strip, "from t = 0 to t = 1")))) };
  });

  /** The number of the image that the walk starts (k = 0) or ends (k = 1) with. */
  function place(k) {
    const { label, n } = ends[k], of = images.of(label);
    return label === OWN ? own[k] : of[n % of.length];
  }

  const round = () => Boolean(spherical.select.value);

  /** Draws what only the ends, the path and the models change. */
  function walk() {
    ends.forEach(({ label }, k) =>
      shown[k].draw([images.image(place(k))], label === OWN ? "your image" : images.classes[label]));
    rows.forEach(({ strip }, k) => {
      const model = source.model(shownModels[k]);
      codes[k] = [0, 1].map((end) => source.code(model, place(end)).mu);
      strip.draw(Array.from({ length: steps }, (_, i) => model.decode(between(...codes[k], i / (steps - 1), round()))));
    });
    show();
  }

  function show() {
    const t = control.value;
    const decoded = rows.map(({ large }, k) => {
      const image = source.model(shownModels[k]).decode(between(...codes[k], t, round()));
      large.draw([image]);
      return image;
    });
    clearTimeout(naming); // names follow the picture, so that a move of t stays light
    naming = setTimeout(() => {
      const seen = decoded.map((image) => source.looks(image));
      seen.forEach(({ text }, k) => rows[k].large.describe(text));
      said.textContent = seen.map(({ text }, k) => text && `${source.title(shownModels[k])} ${text}`).join("; ");
      status.say(`t = ${number(t)}: ${said.textContent}.`);
      onSeen({ t, seen, ends: ends.map(({ label }) => label) });
    }, 60);
  }

  const chooser = (k) => {
    const options = images.classes.map((name, label) => [String(label), name]);
    if (own) options.unshift([String(OWN), "your image"]);
    const pick = choice(k ? "To" : "From", options, String(ends[k].label), (value) => {
      ends[k] = { label: Number(value), n: 0 };
      walk();
    });
    return h("div", { class: "vae-end" }, figure(shown[k], k ? "to" : "from"), pick.row,
      button("Another", () => { ends[k].n++; walk(); }, { "aria-label": `Another image to ${k ? "end" : "start"} with` }));
  };
  root.append(
    h("div", { class: "vae-bar" }, control.row, spherical.row),
    h("div", { class: "vae-columns" }, h("div", { class: "vae-ends" }, chooser(0), chooser(1)),
      h("div", { class: "vae-main" }, ...rows.map(({ element }) => element), said)), status.element);
  walk();
  return { set t(value) { control.set(value); show(); }, stop() {} };
}
