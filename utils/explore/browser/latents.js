// One slider a latent dimension: what each of them moves, draws from prior and posterior, dreaming.

import { ModelError } from "./decoder.js";
import { Picture, Score, Status, button, figure, h, modelChoice, newId, number, reach, slider, tiles } from "./pieces.js";
import { Dream, normals, sample, sigmas } from "./source.js";

export function latents(root, source, { model: first = source.names[0], names = source.names, most = 12,
  start = null, z: begin = null, onChange = () => {} } = {}) {
  const { images } = source;
  const picture = new Picture("Decoded image", { className: "vae-large" });
  const original = new Picture("Test image", { className: "vae-medium" });
  const moves = h("canvas", { class: "vae-moves vae-hidden", width: 28, height: 28, "aria-hidden": "true" });
  const large = h("div", { class: "vae-over" }, picture.canvas, moves);
  const movesSaid = h("p", { class: "vae-small vae-said" }, POINT);
  const status = new Status(), looks = h("p", { class: "vae-small" });
  const from = h("p", { class: "vae-small vae-from" });
  const rows = h("div", { class: "vae-rows" });
  let model, z, dims, controls, code = null, dream = null, pending = null, pointed = null;

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
      const control = slider(`z${d}`, { min: -span, max: span, step: 0.01, value: 0, by: 0.05 }, (value) => {
        wake();
        z[d] = value;
        show();
      });
      const track = h("div", { class: "vae-track" }, control.input, h("span", { class: "vae-strip" }, band, tick));
      control.row.insertBefore(track, control.row.lastChild);
      control.row.append(posterior);
      for (const on of ["pointerenter", "focusin"]) control.row.addEventListener(on, () => point(d));
      for (const off of ["pointerleave", "focusout"]) control.row.addEventListener(off, () => point(null));
      return { ...control, d, posterior, band, tick, span };
    });
    rows.replaceChildren(...controls.map(({ row }) => row));
    const hidden = model.nz - dims.length;
    if (hidden) rows.append(h("p", { class: "vae-small" },
      `${hidden} more dimensions vary less and have no slider.`));
    move(new Float32Array(model.nz), null, "Every z is 0: the middle of the prior.");
  }

  /** Shows which pixels a dimension moves: orange gets darker as it rises, blue lighter. */
  function point(d) {
    pointed = d;
    moves.classList.toggle("vae-hidden", d === null || Boolean(dream));
    if (d === null) return void (movesSaid.textContent = POINT);
    const to = (by) => model.decode(z.map((value, i) => (i === d ? value + by : value)));
    const up = to(1), down = to(-1), tile = moves.getContext("2d").createImageData(28, 28);
    let most = 0;
    up.forEach((value, i) => {
      const change = value - down[i], colour = change > 0 ? [213, 94, 0] : [0, 114, 178];
      most = Math.max(most, Math.abs(change));
      tile.data.set([...colour, 255 * Math.min(1, 1.2 * Math.abs(change))], 4 * i);
    });
    moves.getContext("2d").putImageData(tile, 0, 0);
    movesSaid.textContent = most < 0.1 ? `z${d} moves hardly a pixel here.`
      : `As z${d} rises, orange pixels get ink and blue ones lose it.`;
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
      const seen = source.looks(image), like = seen.text ? `${seen.text}; ` : "";
      looks.textContent = like + length;
      picture.describe(like + length);
      if (!quiet) status.say(like + length);
      if (pointed !== null && !quiet) point(pointed);
      onChange({ z: Array.from(z) });
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
    h("div", { class: "vae-columns vae-sticky" },
      h("div", { class: "vae-side" }, figure({ canvas: large }, "decoded z"), movesSaid,
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
  if (begin?.length === model.nz) move(begin, null, "As the link says.");
  else if (images && start !== null) draw(start, images.labels[start]);
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

const POINT = "Point at a slider, or focus it, to see which pixels it moves.";
