// Runs a trained model in the browser: the programs of graph.json (see utils/graph.py) on typed
// arrays, one image at a time. No dependency, no WebGL, no WebAssembly.
//
// A packed model, as utils/explore/browser/__init__.py writes it, is an object
//   {name, kind, nz, graph, tensors: {name: {shape, type, start}}, bytes}
// whose bytes hold the tensors one after the other: "f4" float32, "f2" float16, "u1" bytes, and
// "i1" int8, where each row is preceded by its scale as float32.

export class ModelError extends Error {} // its message is a sentence for the reader

// -- packed tensors -------------------------------------------------------------------------------

export function readTensor({ shape, type, start }, bytes) {
  const size = count(shape), view = new DataView(bytes.buffer, bytes.byteOffset + start);
  if (type === "u1") return bytes.slice(start, start + size);
  const values = new Float32Array(size);
  if (type === "f4") {
    for (let i = 0; i < size; i++) values[i] = view.getFloat32(4 * i, true);
  } else if (type === "f2") {
    for (let i = 0; i < size; i++) values[i] = fromHalf(view.getUint16(2 * i, true));
  } else if (type === "i1") {
    const row = size / shape[0];
    for (let i = 0, at = 0; i < shape[0]; i++) {
      const scale = view.getFloat32(at, true);
      at += 4;
      for (let j = 0; j < row; j++) values[i * row + j] = scale * view.getInt8(at++);
    }
  } else throw new ModelError(`The weights are stored as "${type}", which is unknown here.`);
  return values;
}

function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export function asBytes(data) {
  if (typeof data === "string") return Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

// -- a model --------------------------------------------------------------------------------------

export class Model {
  constructor(packed) {
    Object.assign(this, packed); // name, title, kind, nz, beta, source, losses, …
    const bytes = asBytes(packed.bytes), weights = {};
    for (const [name, tensor] of Object.entries(packed.tensors)) {
      const data = readTensor(tensor, bytes);
      if (data.some((value) => !Number.isFinite(value)))
        throw new ModelError(
          `The model “${packed.name}” has weights that are not numbers (NaN or infinite): its ` +
            "training went wrong. Train it again, with a smaller learning rate.");
      weights[name] = { shape: tensor.shape, data };
    }
    this.weights = weights;
    const named = (part) => compile(packed.graph[part], weights, packed.name);
    this._decode = named("decode");
    this._encode = packed.graph.encode ? named("encode") : null;
  }

  get canEncode() {
    return this._encode !== null;
  }

  /** Layers of "encode" or "decode", input first: {name, data}; data is what was computed last. */
  layers(part) {
    const [program, input, output] = { encode: [this._encode, "x", this.canEncode && this.kind === "vae" ? "μ, log σ²" : "z"],
      decode: [this._decode, "z", "x̂"] }[part];
    if (!program) return [];
    return program.layers.map(({ values }, i, all) => ({
      name: i === 0 ? input : i === all.length - 1 ? output : "hidden",
      get data() {
        const data = values.data ?? new Float32Array(count(values.shape));
        return part === "decode" && i === all.length - 1 ? data.map(sigmoid) : data;
      },
    }));
  }

  /** Image (784 values in 0…1) of a latent z. */
  decode(z) {
    return this.logits(z).map((logit) => 1 / (1 + Math.exp(-logit)));
  }

  /** Logits (784) of a latent z. */
  logits(z) {
    return this._decode(Float32Array.from(z))[0];
  }

  /** {mu, logvar} of an image of 784 values in 0…1; logvar is null for an autoencoder. */
  encode(image) {
    const [mu, logvar = null] = this._encode(Float32Array.from(image));
    return { mu, logvar };
  }
}

// -- compiling a program --------------------------------------------------------------------------

/** A function from the values of one input to a list of outputs, each a fresh Float32Array. */
export function compile(program, weights, name = "") {
  const values = { "%0": { shape: [1, ...program.input], data: null } };
  const layers = [{ values: values["%0"] }]; // the input, then what each layer with weights gives
  const steps = program.ops.map((op) => {
    const make = Object.hasOwn(OPS, op.op) ? OPS[op.op] : null;
    if (!make)
      throw new ModelError(
        `The model “${name}” uses the operation “${op.op}”, which the browser cannot compute.`);
    const weight = (key) => {
      if (key === null || key === undefined) return null;
      if (!weights[key]) throw new ModelError(`The model “${name}” lacks the weights “${key}”.`);
      return weights[key].data;
    };
    const inputs = op.in.map((entry) => {
      if (typeof entry === "number") return { shape: [], data: Float32Array.of(entry) };
      if (!values[entry]) weight(entry);
      return values[entry] ?? weights[entry];
    });
    const out = { shape: [1, ...op.shape], data: new Float32Array(count(op.shape)) };
    const step = make(op, inputs, out, weight, weights);
    values[op.out] = out;
    if (LAYERS.includes(op.op)) layers.push({ values: out });
    else if (layers.length > 1 && op.op !== "slice" && out.data.length === layers.at(-1).values.data.length)
      layers.at(-1).values = out; // its norm or activation
    return step;
  });
  const run = (input) => {
    if (input.length !== count(program.input))
      throw new ModelError(
        `The model “${name}” takes ${count(program.input)} values, not ${input.length}.`);
    values["%0"].data = input;
    for (const step of steps) step();
    return program.outputs.map((out) => Float32Array.from(values[out].data));
  };
  run.layers = layers;
  return run;
}

const LAYERS = ["linear", "matmul", "conv2d", "conv_transpose2d"];

const count = (shape) => shape.reduce((product, size) => product * size, 1);

/** For every element of `out`, in order, the sum of its index times `strides`. */
function offsets(shape, strides) {
  const list = new Int32Array(count(shape));
  const index = shape.map(() => 0);
  for (let i = 0, at = 0; i < list.length; i++) {
    list[i] = at;
    for (let d = shape.length - 1; d >= 0; d--) {
      at += strides[d];
      if (++index[d] < shape[d]) break;
      at -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
  return list;
}

function stridesOf(shape) {
  const strides = shape.map(() => 1);
  for (let d = shape.length - 2; d >= 0; d--) strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

/** Where each element of `shape` finds its value in a smaller tensor, as numpy broadcasts. */
function broadcast(from, shape) {
  const lead = shape.length - from.length, strides = stridesOf(from);
  return offsets(shape, shape.map((_, d) =>
    d < lead || from[d - lead] === 1 ? 0 : strides[d - lead]));
}

const elementwise = (f) => (op, [x], out) => () => {
  for (let i = 0; i < out.data.length; i++) out.data[i] = f(x.data[i], op);
};

const pairwise = (f) => (op, [a, b], out) => {
  const ia = broadcast(a.shape, out.shape), ib = broadcast(b.shape, out.shape);
  return () => {
    for (let i = 0; i < out.data.length; i++) out.data[i] = f(a.data[ia[i]], b.data[ib[i]]);
  };
};

/** out[i] = x[where[i]], for everything that only moves elements. */
const gather = (where) => (op, [x], out) => {
  const from = where(op, x, out);
  return () => {
    for (let i = 0; i < out.data.length; i++) out.data[i] = x.data[from[i]];
  };
};

/** The rows of x that share a mean and a variance: [count, length]. */
const normalise = (groups, scaleAt) => (op, [x], out, weight) => {
  const rows = groups(op, x), length = count(x.shape) / rows;
  const scale = weight(op.weight), shift = weight(op.bias), at = scaleAt(op, x);
  return () => {
    for (let r = 0; r < rows; r++) {
      const start = r * length;
      let mean = 0, spread = 0;
      for (let i = start; i < start + length; i++) mean += x.data[i];
      mean /= length;
      for (let i = start; i < start + length; i++) spread += (x.data[i] - mean) ** 2;
      const by = 1 / Math.sqrt(spread / length + op.eps);
      for (let i = start; i < start + length; i++) {
        const value = (x.data[i] - mean) * by, j = at(i);
        out.data[i] = value * (scale ? scale[j] : 1) + (shift ? shift[j] : 0);
      }
    }
  };
};

const reduce = (divide) => (op, [x], out) => {
  const strides = stridesOf(x.shape);
  const kept = x.shape.map((size, d) => (op.dims.includes(d) ? 1 : size));
  const starts = offsets(kept, strides);
  const within = offsets(x.shape.map((size, d) => (op.dims.includes(d) ? size : 1)), strides);
  return () => {
    for (let i = 0; i < starts.length; i++) {
      let sum = 0;
      for (const step of within) sum += x.data[starts[i] + step];
      out.data[i] = divide ? sum / within.length : sum;
    }
  };
};

/** Windows of max_pool2d and avg_pool2d; padding counts as 0 in an average, as in torch. */
const pool = (first, join, finish) => (op, [x], out) => {
  const [, channels, height, width] = x.shape, [, , rows, columns] = out.shape;
  const [[kh, kw], [sh, sw], [ph, pw]] = [op.kernel, op.stride, op.padding];
  return () => {
    for (let c = 0, o = 0; c < channels; c++)
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++, o++) {
          let value = first;
          const top = i * sh - ph, left = j * sw - pw;
          for (let y = Math.max(top, 0); y < Math.min(top + kh, height); y++)
            for (let z = Math.max(left, 0); z < Math.min(left + kw, width); z++)
              value = join(value, x.data[(c * height + y) * width + z]);
          out.data[o] = finish(value, kh * kw);
        }
  };
};

function dot(a, at, b, bt, length) {
  let sum = 0;
  for (let k = 0; k < length; k++) sum += a[at + k] * b[bt + k];
  return sum;
}

function linear(op, [x], out, weight) {
  const w = weight(op.weight), bias = weight(op.bias);
  const width = x.shape.at(-1), outputs = out.shape.at(-1), rows = count(x.shape) / width;
  return () => {
    for (let r = 0, o = 0; r < rows; r++)
      for (let j = 0; j < outputs; j++, o++)
        out.data[o] = (bias ? bias[j] : 0) + dot(w, j * width, x.data, r * width, width);
  };
}

function matmul(op, [x, a], out) {
  const [inner, columns] = a.shape.slice(-2), rows = count(x.shape) / inner;
  return () => {
    for (let r = 0, o = 0; r < rows; r++)
      for (let j = 0; j < columns; j++, o++) {
        let sum = 0;
        for (let k = 0; k < inner; k++) sum += x.data[r * inner + k] * a.data[k * columns + j];
        out.data[o] = sum;
      }
  };
}

/** For each output position and each element of its window, the place in x, or -1 outside. */
function windows([, channels, height, width], [rows, columns], kernel, op) {
  const places = [];
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++)
      for (let c = 0; c < channels; c++)
        for (let u = 0; u < kernel[0]; u++)
          for (let v = 0; v < kernel[1]; v++) {
            const y = i * op.stride[0] - op.padding[0] + u * op.dilation[0];
            const z = j * op.stride[1] - op.padding[1] + v * op.dilation[1];
            const inside = y >= 0 && y < height && z >= 0 && z < width;
            places.push(inside ? (c * height + y) * width + z : -1);
          }
  return Int32Array.from(places);
}

function conv2d(op, [x], out, weight, weights) {
  const w = weight(op.weight), bias = weight(op.bias);
  const [, channels, height, width] = x.shape, [, outputs, rows, columns] = out.shape;
  const cin = channels / op.groups, cout = outputs / op.groups, area = rows * columns;
  const size = w.length / outputs, kernel = weights[op.weight].shape.slice(2);
  const places = windows([1, cin, height, width], [rows, columns], kernel, op);
  const patch = new Float32Array(size);
  return () => {
    for (let g = 0; g < op.groups; g++) {
      const base = g * cin * height * width;
      for (let p = 0; p < area; p++) {
        for (let k = 0; k < size; k++) {
          const place = places[p * size + k];
          patch[k] = place < 0 ? 0 : x.data[base + place];
        }
        for (let c = g * cout; c < (g + 1) * cout; c++)
          out.data[c * area + p] = (bias ? bias[c] : 0) + dot(w, c * size, patch, 0, size);
      }
    }
  };
}

/** conv2d run backwards: every input value adds its window of weights to the output. */
function convTranspose2d(op, [x], out, weight, weights) {
  const w = weight(op.weight), bias = weight(op.bias);
  const [, channels, height, width] = x.shape, [, outputs, rows, columns] = out.shape;
  const cin = channels / op.groups, cout = outputs / op.groups, area = height * width;
  const size = w.length / channels, kernel = weights[op.weight].shape.slice(2);
  const places = windows([1, cout, rows, columns], [height, width], kernel, op);
  const patch = new Float64Array(size);
  return () => {
    for (let c = 0; c < outputs; c++)
      out.data.fill(bias ? bias[c] : 0, c * rows * columns, (c + 1) * rows * columns);
    for (let g = 0; g < op.groups; g++) {
      const base = g * cout * rows * columns;
      for (let p = 0; p < area; p++) {
        patch.fill(0);
        for (let c = g * cin; c < (g + 1) * cin; c++) {
          const value = x.data[c * area + p];
          if (value === 0) continue;
          for (let k = 0, at = c * size; k < size; k++) patch[k] += value * w[at + k];
        }
        for (let k = 0; k < size; k++) {
          const place = places[p * size + k];
          if (place >= 0) out.data[base + place] += patch[k];
        }
      }
    }
  };
}

function concat(op, inputs, out) {
  const inner = count(out.shape.slice(op.dim + 1)), outer = count(out.shape.slice(0, op.dim));
  return () => {
    for (let i = 0, o = 0; i < outer; i++)
      for (const x of inputs) {
        const length = x.shape[op.dim] * inner;
        for (let k = 0; k < length; k++) out.data[o++] = x.data[i * length + k];
      }
  };
}

function padWith(op, [x], out) {
  const dims = out.shape.length, before = out.shape.map(() => 0);
  for (let k = 0; k < op.pads.length / 2; k++) before[dims - 1 - k] = op.pads[2 * k];
  const across = stridesOf(out.shape), strides = stridesOf(x.shape);
  const from = Int32Array.from(out.data, (_, i) => {
    let at = 0;
    for (let d = 0; d < dims; d++) {
      const k = (Math.floor(i / across[d]) % out.shape[d]) - before[d];
      if (k < 0 || k >= x.shape[d]) return -1;
      at += k * strides[d];
    }
    return at;
  });
  return () => {
    for (let i = 0; i < from.length; i++) out.data[i] = from[i] < 0 ? op.value : x.data[from[i]];
  };
}

function bilinear(op, [x], out) {
  const [, channels, height, width] = x.shape, [, , rows, columns] = out.shape;
  const along = (length, from) => Array.from({ length }, (_, i) => {
    const corner = length > 1 ? (i * (from - 1)) / (length - 1) : 0;
    const at = op.align_corners ? corner : Math.max(0, ((i + 0.5) * from) / length - 0.5);
    const low = Math.min(Math.floor(at), from - 1);
    return [low, Math.min(low + 1, from - 1), at - low];
  });
  const ys = along(rows, height), zs = along(columns, width);
  return () => {
    for (let c = 0, o = 0; c < channels; c++)
      for (const [y0, y1, v] of ys)
        for (const [z0, z1, u] of zs) {
          const at = (y, z) => x.data[(c * height + y) * width + z];
          const top = at(y0, z0) * (1 - u) + at(y0, z1) * u;
          out.data[o++] = top * (1 - v) + (at(y1, z0) * (1 - u) + at(y1, z1) * u) * v;
        }
  };
}

const nearest = gather((op, x, out) => {
  const [, channels, height, width] = x.shape, [, , rows, columns] = out.shape;
  const along = (length, from) => Array.from({ length }, (_, i) =>
    Math.min(Math.floor(Math.fround(i * Math.fround(from / length))), from - 1));
  const ys = along(rows, height), zs = along(columns, width), places = [];
  for (let c = 0; c < channels; c++)
    for (const y of ys) for (const z of zs) places.push((c * height + y) * width + z);
  return places;
});

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const logSigmoid = (x) => Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x)));

/** The error function to 1e-9: a series near 0, a continued fraction beyond. */
function erf(x) {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 2.5) {
    let term = x, sum = x;
    for (let n = 1; Math.abs(term) > 1e-12 * Math.abs(sum); n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = a;
  for (let n = 40; n > 0; n--) fraction = a + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-a * a) / (fraction * Math.sqrt(Math.PI)));
}

function gelu(x, op) {
  if (op.approximate === "none") return 0.5 * x * (1 + erf(x / Math.SQRT2));
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

function softplus(x, { beta = 1, threshold = 20 } = {}) {
  return x * beta > threshold ? x : (Math.max(x * beta, 0) - logSigmoid(Math.abs(x * beta))) / beta;
}

// how each operation of graph.json computes its `out`: (op, inputs, out, weight, weights) -> step
const OPS = {
  linear, matmul, concat, pad: padWith, conv2d,
  conv_transpose2d: convTranspose2d,
  batch_norm: (op, [x], out, weight) => {
    const [mean, spread] = [weight(op.mean), weight(op.var)];
    const [scale, shift] = [weight(op.weight), weight(op.bias)];
    const length = count(x.shape.slice(2));
    return () => {
      for (let i = 0; i < out.data.length; i++) {
        const c = Math.floor(i / length) % x.shape[1];
        const value = (x.data[i] - mean[c]) / Math.sqrt(spread[c] + op.eps);
        out.data[i] = value * (scale ? scale[c] : 1) + (shift ? shift[c] : 0);
      }
    };
  },
  layer_norm: normalise(
    (op, x) => count(x.shape.slice(0, x.shape.length - op.dims)),
    (op, x) => { const n = count(x.shape.slice(-op.dims)); return (i) => i % n; }),
  group_norm: normalise(
    (op) => op.groups,
    (op, x) => { const n = count(x.shape.slice(2)); return (i) => Math.floor(i / n); }),
  max_pool2d: pool(-Infinity, Math.max, (value) => value),
  avg_pool2d: pool(0, (sum, value) => sum + value, (sum, size) => sum / size),
  upsample_nearest: nearest,
  upsample_bilinear: bilinear,
  relu: elementwise((x) => Math.max(x, 0)),
  tanh: elementwise(Math.tanh),
  sigmoid: elementwise(sigmoid),
  silu: elementwise((x) => x * sigmoid(x)),
  mish: elementwise((x) => x * Math.tanh(softplus(x))),
  exp: elementwise(Math.exp),
  log: elementwise(Math.log),
  log1p: elementwise(Math.log1p),
  log_sigmoid: elementwise(logSigmoid),
  sqrt: elementwise(Math.sqrt),
  neg: elementwise((x) => -x),
  abs: elementwise(Math.abs),
  gelu: elementwise(gelu),
  leaky_relu: elementwise((x, op) => (x > 0 ? x : op.slope * x)),
  elu: elementwise((x, op) => op.scale * (x > 0 ? x : op.alpha * Math.expm1(x))),
  softplus: elementwise(softplus),
  clamp: elementwise((x, op) => Math.min(Math.max(x, op.min ?? -Infinity), op.max ?? Infinity)),
  add: pairwise((a, b) => a + b),
  sub: pairwise((a, b) => a - b),
  mul: pairwise((a, b) => a * b),
  div: pairwise((a, b) => a / b),
  pow: pairwise(Math.pow),
  minimum: pairwise(Math.min),
  maximum: pairwise(Math.max),
  reshape: gather((op, x, out) => Int32Array.from(out.data, (_, i) => i)),
  permute: gather((op, x, out) => {
    const strides = stridesOf(x.shape);
    return offsets(out.shape, op.dims.map((d) => strides[d]));
  }),
  expand: gather((op, x, out) => broadcast(x.shape, out.shape)),
  slice: gather((op, x) => {
    const strides = stridesOf(x.shape), shape = [...x.shape];
    shape[op.dim] = op.stop - op.start;
    return offsets(shape, strides).map((at) => at + op.start * strides[op.dim]);
  }),
  mean: reduce(true),
  sum: reduce(false),
  full: (op, inputs, out) => () => out.data.fill(op.value),
};
