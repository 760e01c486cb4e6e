// The explorers: a plane, a linked view, latent sliders, a drawing pad, the β ladder, a walk, statistics.
//
//     mount(root, "latents", new Source({models, images, classifier}), {model: "tuned"})
//
// puts one into an element. Notebook widgets and the playground page both use this module; it
// needs no other file, no network, and draws on plain canvases.

import { ModelError } from "./decoder.js";
import { arithmetic, directions } from "./directions.js";
import { ladder } from "./ladder.js";
import { latents } from "./latents.js";
import { linked } from "./linked.js";
import { pad } from "./pad.js";
import { complain } from "./pieces.js";
import { plane } from "./plane.js";
import { classStatistics } from "./statistics.js";
import { training } from "./training.js";
import { interpolation } from "./walk.js";

const EXPLORERS = { plane, linked, latents, pad, directions, arithmetic, training, ladder, interpolation, statistics: classStatistics };

/** Puts an explorer into `root`; a sentence, and null, where it cannot work. */
export function mount(root, name, source, options = {}) {
  root.replaceChildren();
  root.classList.add("vae");
  try {
    if (!Object.hasOwn(EXPLORERS, name)) throw new ModelError(`There is no explorer “${name}”.`);
    return EXPLORERS[name](root, source, options);
  } catch (error) {
    complain(root, error);
    return null;
  }
}
