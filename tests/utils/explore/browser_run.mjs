// Computes what tests/utils/explore/test_browser.py asks for: {module, jobs} on stdin, answers on stdout.
import { readFileSync } from "node:fs";

const { module, jobs } = JSON.parse(readFileSync(0, "utf8"));
const browser = await import(module);

const actions = {
  program({ program, weights, inputs }) {
    const read = ({ shape, data }) => ({ shape, data: Float32Array.from(data) });
    const named = Object.entries(weights).map(([name, tensor]) => [name, read(tensor)]);
    const run = browser.compile(program, Object.fromEntries(named), "test");
    return inputs.map((input) => run(Float32Array.from(input)).map((out) => Array.from(out)));
  },
  model({ packed, zs, images }) {
    const model = new browser.Model(packed);
    const list = (values) => values && Array.from(values);
    const encoded = images.map((image) => model.encode(image));
    return {
      logits: zs.map((z) => list(model.logits(z))),
      mu: encoded.map(({ mu }) => list(mu)),
      logvar: encoded.map(({ logvar }) => list(logvar)),
    };
  },
  classify({ packed, drawings, images }) {
    const classifier = new browser.Classifier(packed, Array.from({ length: 10 }));
    const drawn = drawings.map((strokes) => browser.rasterise(browser.centred(strokes)));
    return [...drawn, ...images].map((image) =>
      ({ ...classifier.read(image), passes: classifier.passes(image) }));
  },
  train({ hidden, values, images, noise, beta, rate }) {
    const network = new (browser.trainer().Network)({ hidden, values });
    const losses = network.step(images.map((x) => Float32Array.from(x)), noise, beta, rate);
    return { losses, values: Object.fromEntries(Object.entries(network.p).map(([name, p]) => [name, Array.from(p)])) };
  },
  call({ name, args }) {
    return browser[name](...args);
  },
};

const answers = jobs.map((job) => {
  try {
    return { value: actions[job.action](job) };
  } catch (error) {
    return { error: error.message, kind: error.constructor.name };
  }
});
const plain = (key, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
process.stdout.write(JSON.stringify(answers, plain));
