// Training in the page: the map of a small VAE unfolds while it learns.

import { ModelError } from "./decoder.js";
import { DrawingPad } from "./drawing.js";
import { Picture, Status, button, complain, figure, h, legend, number, shades, slider } from "./pieces.js";
import { trainer } from "./trainer.js";

const PLOT = 340, EDGE = 3, TILES = 11; // pixels of the map, the largest z on it, images a side beside it

/** `source.training()` promises {pixels: bytes (n · 784), labels}, the images to learn from. */
export function training(root, source, { onSeen = () => {} } = {}) {
  const { images, training: from } = source;
  if (!from) throw new ModelError("There are no images here to learn from.");
  const labels = [], own = images.classes.length; // a drawing has no class
  const map = h("canvas", { class: "vae-unfold", width: PLOT, height: PLOT, role: "img",
    "aria-label": "Map of the codes of the training images" });
  const curve = h("canvas", { class: "vae-curve", width: PLOT, height: 150, role: "img", "aria-label": "The ELBO so far" });
  const grid = new Picture("What the plane decodes to", { columns: TILES, rows: TILES, className: "vae-wide" });
  const said = h("p", { class: "vae-small vae-said" }), status = new Status();
  const history = [];
  let on = false, frames = null, latest = null;

  const script = `const { serve } = (${trainer})();\nserve(self);`;
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(script)}`);
  worker.onmessage = ({ data }) => {
    latest = { ...data, losses: data.losses ?? (data.epochs > 0 && latest?.losses) }; // paused: the last ones
    if (data.losses) history.push({ epochs: data.epochs, elbo: -data.losses.reconstruction - data.losses.kl });
    frames ??= requestAnimationFrame(paint);
  };
  from().then((to) => {
    labels.push(...to.labels);
    worker.postMessage({ images: to.pixels });
  }).catch((error) => complain(root, error));

  function paint() {
    frames = null;
    const context = map.getContext("2d"), { codes, losses, epochs } = latest;
    const [text, muted, orange, ...used] = shades(root,
      ["--vae-text", "--vae-muted", "--vae-orange", ...images.classes.map((_, label) => `--vae-c${label}`)]);
    context.clearRect(0, 0, PLOT, PLOT);
    context.strokeStyle = muted;
    context.setLineDash([3, 5]);
    for (const r of [1, 2, 3]) {
      context.beginPath();
      context.arc(PLOT / 2, PLOT / 2, (r / EDGE) * (PLOT / 2) - 1, 0, 7);
      context.stroke();
    }
    for (let i = 0; i < labels.length; i++) {
      const [x, y] = [codes[2 * i], -codes[2 * i + 1]].map((v) => Math.min(Math.max((v / EDGE + 1) * (PLOT / 2), 2), PLOT - 2));
      const mine = labels[i] === own, size = mine ? 9 : 3;
      context.fillStyle = mine ? text : used[labels[i]];
      context.fillRect(x - size / 2, y - size / 2, size, size);
    }
    grid.draw(Array.from({ length: TILES * TILES }, (_, k) => Float32Array.from(latest.grid.subarray(784 * k, 784 * (k + 1)), (v) => v / 255)));
    drawCurve(muted, orange);
    const now = losses ? `−log p(x|z) ${number(losses.reconstruction, 1)} + KL ${number(losses.kl, 1)} nats; ` : "";
    said.textContent = `${now}${number(epochs, 1)} epochs of ${labels.length} images.`;
    status.say(said.textContent);
    onSeen({ epochs, elbo: history.at(-1)?.elbo });
  }

  function drawCurve(muted, orange) {
    const context = curve.getContext("2d"), { width, height } = curve, left = 38, below = 22;
    context.clearRect(0, 0, width, height);
    if (history.length < 2) return;
    const values = history.map(({ elbo }) => elbo), low = Math.max(Math.min(...values), -300), high = Math.max(...values);
    const last = history.at(-1).epochs;
    const x = (epochs) => left + (epochs / last) * (width - left - 6);
    const y = (elbo) => 6 + ((high - Math.max(elbo, low)) / (high - low || 1)) * (height - below - 10);
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = context.strokeStyle = muted;
    context.fillText(number(high, 0), 2, y(high) + 8);
    context.fillText(number(low, 0), 2, y(low));
    context.fillText(`ELBO, nats, over ${number(last, 0)} epochs`, left, height - 6);
    context.strokeStyle = orange;
    context.lineWidth = 2;
    context.beginPath();
    history.forEach(({ epochs, elbo }) => context.lineTo(x(epochs), y(elbo)));
    context.stroke();
  }

  const play = button("Train", () => {
    on = !on;
    worker.postMessage({ on });
    play.textContent = on ? "Pause" : "Train";
    play.setAttribute("aria-pressed", String(on));
  }, { "aria-pressed": "false" });
  const beta = slider("β", { min: 0, max: 8, step: 0.1, value: 1 }, (value) => worker.postMessage({ beta: value }), (v) => number(v, 1));
  const rate = slider("learning rate", { min: -4, max: -1.5, step: 0.1, value: -2.7 },
    (value) => worker.postMessage({ rate: 10 ** value }), (v) => number(10 ** v, 4));
  const pad = new DrawingPad(images, status, () => {});
  const add = button("Learn from my drawing", () => {
    const { image } = pad;
    if (!image) return;
    labels.push(own);
    worker.postMessage({ add: Array.from(image) });
    pad.set([]);
  });
  const again = button("Start again", () => { history.length = 0; worker.postMessage({ fresh: true }); });
  root.append(
    h("div", { class: "vae-bar" }, play, again, beta.row, rate.row),
    h("div", { class: "vae-columns" },
      h("div", { class: "vae-side" }, figure({ canvas: map }, "where the encoder puts the training images; dashed: the prior"), legend(images)),
      h("div", { class: "vae-side vae-unfolds" }, figure(grid, "what the plane decodes to")),
      h("div", { class: "vae-side" }, figure({ canvas: curve }, "the ELBO while it learns"), said,
        h("details", {}, h("summary", {}, "Add drawings of your own"), pad.canvas, h("div", { class: "vae-row" }, add, pad.clear)))),
    status.element);
  return { stop: () => worker.terminate() };
}
