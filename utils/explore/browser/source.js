// What there is to show: packed models and test images, and the mathematics of latents.

import { Model, ModelError, asBytes, compile, readTensor } from "./decoder.js";

/** Packed models, test images and a classifier of one dataset; a model is unpacked when first used. */
export class Source {
  constructor({ models, images, classifier = null, training = null }) {
    this.packed = new Map(models.map((model) => [model.name, model]));
    this.unpacked = new Map();
    this.images = images ? new Images(images) : null;
    this.training = training; // promises {pixels, labels}, images to learn from
    this.classifier = images && classifier ? new Classifier(classifier, images.classes) : null;
  }

  /** What the class of a dataset is called: a digit, a piece of clothing. */
  get thing() {
    return this.images?.dataset === "FashionMNIST" ? ["piece of clothing", "clothes"] : ["digit", "digits"];
  }

  /** What a picture looks like: {label, name, real, text}; real is 0…1, text a phrase. */
  looks(image) {
    if (!this.classifier) return { label: -1, name: "", real: 1, text: "" };
    const { label, real } = this.classifier.read(image), name = this.images.classes[label];
    const [one] = this.thing;
    return { label, name, real, text: real < 0.5 ? `looks like no ${one}; nearest: ${name}` : `looks most like: ${name}` };
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

export class Images {
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
}

const DARKEST = 40; // pixels of a picture: about a third of a digit's strokes

/** Names the class of a picture, and says whether it is one of them at all. */
export class Classifier {
  constructor(packed, classes) {
    const bytes = asBytes(packed.bytes), weights = {};
    for (const [name, tensor] of Object.entries(packed.tensors))
      weights[name] = { shape: tensor.shape, data: readTensor(tensor, bytes) };
    this.program = compile(packed.graph, weights, "classifier");
    this.passing = packed.made.passing; // share of real test images that pass
    this.faintest = packed.made.faintest; // mean of the DARKEST pixels that nearly all real ones reach
    this.classes = classes.length;
  }

  /** Whether a picture would pass for a real one: one of the ten kinds, and not fainter than those. */
  passes(image) {
    const ink = Float32Array.from(image).sort().subarray(-DARKEST).reduce((sum, v) => sum + v, 0) / DARKEST;
    return ink >= this.faintest && this.read(image).real > 0.5;
  }

  /** {label, real} of an image: the likeliest class, and the probability that it is one at all. */
  read(image) {
    const [logits] = this.program(Float32Array.from(image)), classes = logits.subarray(0, this.classes);
    const most = Math.max(...logits), odds = logits.map((logit) => Math.exp(logit - most));
    const none = odds.slice(this.classes).reduce((sum, value) => sum + value, 0);
    const real = 1 - none / odds.reduce((sum, value) => sum + value, 0);
    return { label: classes.indexOf(Math.max(...classes)), real };
  }
}

// -- mathematics ----------------------------------------------------------------------------------

export function normal(random = Math.random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

export const normals = (n, random) => Float32Array.from({ length: n }, () => normal(random));

/** z from N(mu, exp(logvar)); mu itself where there is no variance (an autoencoder). */
export function sample({ mu, logvar }, random = Math.random) {
  return logvar ? mu.map((m, i) => m + Math.exp(logvar[i] / 2) * normal(random)) : mu.slice();
}

export const sigmas = (code) => (code.logvar ? code.logvar.map((v) => Math.exp(v / 2)) : null);

/** log p(x|z) in nats per image: Bernoulli with these logits, summed over the pixels. */
export function logLikelihood(image, logits) {
  let sum = 0;
  for (let i = 0; i < image.length; i++) {
    const l = logits[i];
    sum += image[i] * l - Math.max(l, 0) - Math.log1p(Math.exp(-Math.abs(l)));
  }
  return sum;
}

/** KL divergence to N(0, 1) in nats, of every dimension; null for an autoencoder, which has no σ. */
export function divergence({ mu, logvar }) {
  return logvar && mu.map((m, i) => 0.5 * (m * m + Math.exp(logvar[i]) - 1 - logvar[i]));
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
