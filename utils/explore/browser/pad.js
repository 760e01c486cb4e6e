// A drawing, encoded to μ and σ, sampled ten times and decoded.

import { ModelError } from "./decoder.js";
import { DrawingPad } from "./drawing.js";
import { Picture, Score, Status, button, figure, gaussians, h, modelChoice, number, tiles } from "./pieces.js";
import { logLikelihood, sample } from "./source.js";

/** `start`: a test image that lies on the pad at first. */
export function pad(root, source, { model: first, names, samples = 10, start = null,
  onChange = () => {}, onSeen = () => {} } = {}) {
  const { images } = source;
  names = (names ?? source.names).filter((name) => source.packed.get(name).graph.encode);
  if (!names.length) throw new ModelError("A drawing pad needs a model that can encode.");
  first ??= names[0];
  const seen = new Picture("What the encoder sees", { className: "vae-medium" });
  const again = new Picture("Ten samples, decoded", { columns: 5, rows: Math.ceil(samples / 5), gap: 1,
    className: "vae-wide" });
  const chart = gaussians(), status = new Status(), passing = new Score(source);
  const read = h("p", { class: "vae-small vae-said" });
  const score = h("p", { class: "vae-score" }), hint = h("p", { class: "vae-small" });
  let model = source.model(first);

  const drawing = new DrawingPad(images, status, encode);
  const pickModel = modelChoice(source, names, first, use);

  function use(name) {
    model = source.model(name);
    drawing.tell();
  }

  function encode(image) {
    if (!image) {
      seen.clear();
      again.clear();
      chart.draw(null);
      score.textContent = read.textContent = "";
      passing.element.replaceChildren();
      hint.textContent = "The pad is empty: draw, or take a test image.";
      return;
    }
    const drawn = source.looks(image);
    seen.draw([image], drawn.text);
    read.textContent = drawn.text;
    const code = model.encode(image);
    const logits = Array.from({ length: samples }, () => model.logits(sample(code)));
    const decoded = logits.map((row) => row.map((l) => 1 / (1 + Math.exp(-l))));
    again.draw(decoded);
    passing.draw(decoded);
    chart.draw(code);
    const mean = logits.reduce((sum, row) => sum + logLikelihood(image, row), 0) / samples;
    const known = model.weights["codes.score"]?.data;
    const below = known ? known.filter((value) => value < mean).length / known.length : null;
    score.replaceChildren("log p(x|z) of the reconstruction: ", h("b", {}, `${number(mean, 0)} nats`),
      below === null ? "" : `, better than ${Math.round(100 * below)} % of the test images` +
        (below < 0.01 ? ": it is unlike most of what the model has seen." : "."));
    const average = decoded[0].map((_, i) => decoded.reduce((sum, row) => sum + row[i], 0) / samples);
    const like = source.looks(average).name;
    hint.textContent = like && `The decoded samples look most like: ${like}.`;
    again.describe(like && `look most like ${like}`);
    status.say(`${drawn.text}. ${score.textContent} ${hint.textContent}`);
    onChange({ image: Array.from(image), mu: Array.from(code.mu) });
    onSeen({ drawn, like, mean, below, own: drawing.given === null, model });
  }

  root.append(
    h("div", { class: "vae-bar" }, pickModel.row, drawing.clear, drawing.undo,
      button("Sample again", () => drawing.tell())),
    h("div", { class: "vae-columns" },
      h("div", { class: "vae-side" }, drawing.canvas),
      h("div", { class: "vae-main" },
        h("div", { class: "vae-pair" },
          h("div", {}, figure(seen, "cropped and centred like MNIST"), read),
          h("figure", { class: "vae-figure vae-grow" }, chart.element)),
        figure(again, "ten z drawn from N(μ, σ²), decoded"), passing.element, score, hint)),
    images ? tiles(images, "Take a test image:", (i) => drawing.set([], i)) : "",
    h("details", {}, h("summary", {}, "What is log p(x|z)?"),
      h("p", {}, "How probable the decoder finds your picture, given the codes that the encoder proposes " +
        "for it: the log-likelihood, mean of the ten samples. It is 0 for a picture that is foretold " +
        "for certain, and more negative the worse it is foretold. A picture that is unlike the training data gets a very " +
        "negative one, so that it can be used to find anomalies: draw a house. An and Cho, who used it " +
        "so in 2015, call it the reconstruction probability.")),
    status.element);
  drawing.set([], images ? start : null);
  return {
    get strokes() { return drawing.strokes; },
    set strokes(to) { drawing.set(to); },
    use: (name) => { pickModel.select.value = name; use(name); }, stop() {},
  };
}
