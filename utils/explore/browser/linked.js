// Everything at once for one picture: the drawing, its cloud on the map, the network, what is decoded,
// and the two losses as bars. The reader may take the encoder's place and put the cloud elsewhere.

import { ModelError } from "./decoder.js";
import { DrawingPad } from "./drawing.js";
import { LatentMap } from "./map.js";
import { Network } from "./network.js";
import { Picture, Status, button, figure, h, modelChoice, number, slider, tiles } from "./pieces.js";
import { divergence, logLikelihood, normals, sigmas } from "./source.js";

const DRAWS = 8; // of z, for the expectation of −log p(x|z): the same noise at every move

export function linked(root, source, { model: first, names, start = 0, z: begin = null, onChange = () => {},
  onSeen = () => {} } = {}) {
  const { images } = source;
  const fits = (name) => source.packed.get(name).nz === 2 && source.packed.get(name).kind === "vae";
  names = (names ?? source.names).filter(fits);
  if (!names.length) throw new ModelError("This needs a VAE with 2 latent dimensions.");
  first ??= names[0];
  const status = new Status();
  const again = new Picture("Reconstruction", { className: "vae-large" });
  const said = h("p", { class: "vae-small vae-said" }), beside = h("p", { class: "vae-small vae-said" });
  const network = new Network(), loss = bars();
  let model = source.model(first), image = null, code = null, placed = null, noise, theirs, naming;

  const map = new LatentMap(source, { onMove: (z) => place(z), drag: true });
  const drawing = new DrawingPad(images, status, encode);
  const spread = slider("σ", { min: -2, max: 0.5, step: 0.05, value: 0 }, (value) => {
    if (!image) return;
    const { mu } = placed ?? code;
    placed = { mu, logvar: mu.map(() => 2 * Math.LN10 * value) };
    show();
  }, (value) => number(10 ** value, 2));
  const back = button("Back to the encoder's answer", () => { placed = null; show(); });
  const pickModel = modelChoice(source, names, first, use);

  function use(name) {
    model = source.model(name);
    map.use(model);
    network.use(model);
    drawing.tell();
  }

  function encode(to) {
    image = to;
    placed = null;
    if (!image) {
      clearTimeout(naming);
      beside.textContent = "";
      again.clear();
      map.cloud(null);
      loss.draw(null);
      said.textContent = "The pad is empty: draw, or take a test image.";
      return;
    }
    code = model.encode(image);
    noise = Array.from({ length: DRAWS / 2 }, () => normals(2)).flatMap((e) => [e, e.map((v) => -v)]);
    theirs = losses(code);
    network.draw("encode");
    show();
  }

  /** Puts the middle of the cloud at z, in place of the encoder. */
  function place(z) {
    if (!image) return;
    placed = { mu: Float32Array.from(map.move(z)), logvar: (placed ?? code).logvar };
    show();
  }

  /** {reconstruction, kl} of the picture for a cloud, in nats. */
  function losses(cloud) {
    const sigma = sigmas(cloud);
    const nats = noise.map((e) => -logLikelihood(image, model.logits(cloud.mu.map((m, i) => m + sigma[i] * e[i]))));
    return { reconstruction: nats.reduce((sum, v) => sum + v, 0) / DRAWS,
      kl: divergence(cloud).reduce((sum, v) => sum + v, 0) };
  }

  function show() {
    if (!image) return;
    const cloud = placed ?? code, now = placed ? losses(placed) : theirs, sigma = sigmas(cloud);
    map.move(cloud.mu);
    map.cloud(cloud);
    const decoded = model.decode(cloud.mu), vector = (v) => `(${number(v[0])}, ${number(v[1])})`;
    again.draw([decoded]);
    network.draw("decode");
    loss.draw(now, placed ? theirs : null);
    spread.set(Math.log10(Math.sqrt(sigma[0] * sigma[1])));
    back.disabled = !placed;
    said.textContent = `${placed ? "You say" : "The encoder says"}: μ = ${vector(cloud.mu)}, σ = ${vector(sigma)}.`;
    clearTimeout(naming); // names follow, so that a drag stays light
    naming = setTimeout(() => {
      const seen = source.looks(decoded), drawn = source.looks(image);
      again.describe(seen.text);
      beside.textContent = drawn.text && `The drawing ${drawn.text}. Its reconstruction ${seen.text}.`;
      status.say(`${said.textContent} ${loss.text}`);
      onChange({ z: Array.from(cloud.mu), image: Array.from(image), mu: Array.from(code.mu) });
      onSeen({ placed: Boolean(placed), now, mine: theirs, drawn, seen, own: drawing.given === null });
    }, 60);
  }

  root.append(
    h("div", { class: "vae-bar" }, pickModel.row, drawing.clear, drawing.undo, back),
    h("div", { class: "vae-columns" },
      h("div", { class: "vae-side" }, h("figure", { class: "vae-figure" }, drawing.canvas,
        h("figcaption", {}, "x: draw here")), beside),
      map.element,
      h("div", { class: "vae-side" }, figure(again, "decoded μ: the reconstruction"), said, spread.row)),
    loss.element, network.element,
    images ? tiles(images, "Take a test image:", (i) => drawing.set([], i)) : "", status.element);
  map.use(model);
  map.move([0, 0]);
  network.use(model);
  drawing.set([], images ? start : null);
  if (begin?.length === 2) place(begin);
  return { get z() { return [...map.z]; }, set z(to) { place(to); },
    set strokes(to) { drawing.set(to); }, use: (name) => { pickModel.select.value = name; use(name); }, stop() {} };
}

/** Two bars, end to end: −log p(x|z) and KL, which add up to the loss, −ELBO. */
function bars() {
  const parts = ["reconstruction", "kl"].map((kind) => h("div", { class: `vae-part vae-${kind}` }));
  const sum = h("p", { class: "vae-sum" }), theirs = h("div", { class: "vae-theirs" });
  const bar = h("div", { class: "vae-stack", "aria-hidden": "true" }, ...parts, theirs);
  const made = { element: h("div", { class: "vae-bars" }, bar, sum), text: "" };
  made.draw = (now, encoder) => {
    bar.hidden = !now;
    if (!now) { sum.textContent = ""; return; }
    const total = now.reconstruction + now.kl;
    const theirSum = encoder ? encoder.reconstruction + encoder.kl : total;
    const scale = 100 / Math.max(total, 1.4 * theirSum);
    parts.forEach((part, i) => { part.style.width = `${Math.max(scale * [now.reconstruction, now.kl][i], 0)}%`; });
    theirs.hidden = !encoder;
    if (encoder) theirs.style.left = `${scale * theirSum}%`;
    const term = (kind, text, value) => h("span", { class: `vae-term vae-${kind}` }, `${text} `, h("b", {}, number(value, 1)));
    sum.replaceChildren(term("reconstruction", "−log p(x|z)", now.reconstruction), " + ", term("kl", "KL", now.kl),
      " = ", h("span", { class: "vae-term" }, "loss, −ELBO ", h("b", {}, number(total, 1)), " nats"),
      encoder ? h("span", { class: "vae-small" }, ` (the encoder reached ${number(theirSum, 1)}: the line)`) : "");
    made.text = `Loss ${number(total, 1)} nats: ${number(now.reconstruction, 1)} plus ${number(now.kl, 1)}.`;
  };
  return made;
}
