// A plane of two latents: point at a place and see what it decodes to.

import { ModelError } from "./decoder.js";
import { LatentMap, tour } from "./map.js";
import { Picture, Status, figure, h, modelChoice, newId, number, slider, tiles } from "./pieces.js";
import { sigmas } from "./source.js";

/** `start`: a test image to begin with; `moving`: the point travels for three seconds first. */
export function plane(root, source, { model: first, names, start = null, moving = false, z: begin = null,
  onChange = () => {}, onSeen = () => {} } = {}) {
  const { images } = source;
  names = (names ?? source.names).filter((name) => source.packed.get(name).nz === 2);
  if (!names.length) throw new ModelError("A plane needs a model with 2 latent dimensions.");
  first ??= names[0];
  const picture = new Picture("Decoded image", { className: "vae-large" });
  const original = new Picture("Test image", { className: "vae-medium" });
  const again = new Picture("Its reconstruction", { className: "vae-medium" });
  const status = new Status(), where = h("p", { class: "vae-small vae-said" });
  const note = h("p", { class: "vae-small" },
    images ? "Each mark is the code of a test image. Press one to load it." : "");
  let model, pending, stop = () => {};

  const map = new LatentMap(source, { onMove: (z) => { stop(); move(z); }, onPick: (i) => { stop(); load(i); } });
  const controls = ["z0 (right)", "z1 (up)"].map((label, d) => slider(label, { min: -4, max: 4, step: 0.01, value: 0, by: 0.05 },
    (value) => { stop(); const z = [...map.z]; z[d] = value; move(z); }));
  const pickModel = modelChoice(source, names, first, use);

  function use(name) {
    stop();
    model = source.model(name);
    map.use(model);
    for (const { range } of controls) range(-map.span, map.span);
    original.clear();
    again.clear();
    if (images && start !== null) load(start);
    else move([0, 0]);
  }

  function move(to) {
    const z = map.move(to), image = model.decode(z);
    controls.forEach((control, d) => control.set(z[d]));
    picture.draw([image]);
    clearTimeout(pending);
    pending = setTimeout(() => {
      const seen = source.looks(image);
      where.textContent = `z = (${number(z[0])}, ${number(z[1])})${seen.text ? `, ${seen.text}` : ""}`;
      picture.describe(where.textContent);
      status.say(where.textContent);
      onChange({ z });
      onSeen({ z, model, ...seen });
    }, 60);
  }

  function load(i) {
    const code = source.code(model, i), sigma = sigmas(code), name = images.classes[images.labels[i]];
    original.draw([images.image(i)], name);
    again.draw([model.decode(code.mu)], name);
    map.cloud(code);
    note.textContent = `Test image ${i} (${name}): μ = (${number(code.mu[0])}, ${number(code.mu[1])})` +
      (sigma ? `, σ = (${number(sigma[0])}, ${number(sigma[1])}); the ellipses are μ ± σ and μ ± 2σ.`
        : "; an autoencoder has no σ.");
    move(code.mu);
  }

  const gridId = newId();
  const behind = h("input", { type: "checkbox", id: gridId, onchange: () => map.decodeAll(behind.checked) });
  root.append(
    h("div", { class: "vae-bar" }, pickModel.row,
      h("div", { class: "vae-choice" }, behind, h("label", { for: gridId }, "decode the whole plane"))),
    h("div", { class: "vae-columns vae-sticky" }, map.element,
      h("div", { class: "vae-side" },
        figure(picture, "decoded z"), where, ...controls.map(({ row }) => row),
        h("div", { class: "vae-pair" }, figure(original, "test image"), figure(again, "decoded μ")), note)),
    images ? tiles(images, "Load a", (i) => { stop(); load(i); }) : "", status.element);
  use(first);
  if (begin?.length === 2) move(begin);
  else if (moving) stop = tour(map, move, map.z);
  return { get z() { return [...map.z]; }, set z(to) { stop(); move(to); },
    use: (name) => { pickModel.select.value = name; use(name); }, stop: () => stop() };
}
