// A small VAE that learns in the browser: forward, backward and Adam on plain arrays, in a worker.

/** All that training needs, in one function, since it travels to the worker as its own text. */
export function trainer() {
  /** 784 → hidden → μ, log σ² → z → hidden → 784 logits, with ReLU. Parameters lie in one array. */
  class Network {
    constructor({ hidden = 64, nz = 2, random = Math.random, values = null, mean = null } = {}) {
      Object.assign(this, { hidden, nz });
      const sizes = { w: 784 * hidden, b: hidden, mu: nz * hidden, mub: nz, lv: nz * hidden, lvb: nz, // the encoder
        v: hidden * nz, c: hidden, o: 784 * hidden, ob: 784 }; // the decoder
      const length = Object.values(sizes).reduce((sum, size) => sum + size, 0);
      this.all = new Float32Array(length);
      this.gradient = new Float32Array(length);
      this.first = new Float32Array(length); // Adam's moments
      this.second = new Float32Array(length);
      this.steps = 0;
      this.p = {};
      this.g = {};
      let at = 0;
      const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      const fan = { w: 784, mu: hidden, lv: 100 * hidden, v: nz, o: hidden };
      for (const [name, size] of Object.entries(sizes)) {
        this.p[name] = this.all.subarray(at, at + size);
        this.g[name] = this.gradient.subarray(at, at + size);
        if (values) this.p[name].set(values[name]);
        else if (fan[name]) for (let i = 0; i < size; i++) this.p[name][i] = normal() * Math.sqrt(1 / fan[name]);
        at += size;
      }
      if (mean) mean.forEach((m, i) => { // begin near the mean image
        const p = Math.min(Math.max(m, 0.01), 0.99);
        this.p.ob[i] = Math.log(p / (1 - p));
      });
    }

    /** {h, mu, lv} of an image x (784); w is kept by pixels, as most of them are 0. */
    encode(x) {
      const { hidden, nz, p } = this, h = Float32Array.from(p.b), mu = new Float32Array(nz), lv = new Float32Array(nz);
      for (let k = 0; k < 784; k++) {
        const ink = x[k];
        if (ink !== 0) for (let j = 0, at = k * hidden; j < hidden; j++) h[j] += ink * p.w[at + j];
      }
      for (let j = 0; j < hidden; j++) if (h[j] < 0) h[j] = 0;
      for (let d = 0; d < nz; d++) {
        let m = p.mub[d], l = p.lvb[d];
        for (let j = 0, at = d * hidden; j < hidden; j++) { m += h[j] * p.mu[at + j]; l += h[j] * p.lv[at + j]; }
        mu[d] = m;
        lv[d] = l;
      }
      return { h, mu, lv };
    }

    /** {u, logits} of a latent z. */
    decode(z) {
      const { hidden, nz, p } = this, u = Float32Array.from(p.c), logits = Float32Array.from(p.ob);
      for (let j = 0; j < hidden; j++) {
        for (let d = 0; d < nz; d++) u[j] += z[d] * p.v[j * nz + d];
        if (u[j] < 0) u[j] = 0;
      }
      for (let i = 0, at = 0; i < 784; i++, at += hidden) {
        let sum = 0;
        for (let j = 0; j < hidden; j++) sum += u[j] * p.o[at + j];
        logits[i] += sum;
      }
      return { u, logits };
    }

    /** Losses and gradients of a batch: images [x], noise [eps]; nats per image. */
    backward(images, noise, beta) {
      const { hidden, nz, p, g, gradient } = this, share = 1 / images.length;
      gradient.fill(0);
      let reconstruction = 0, kl = 0;
      images.forEach((x, b) => {
        const { h, mu, lv } = this.encode(x), sigma = lv.map((v) => Math.exp(v / 2));
        const z = mu.map((m, d) => m + sigma[d] * noise[b][d]), { u, logits } = this.decode(z);
        const du = new Float32Array(hidden), dh = new Float32Array(hidden);
        for (let i = 0, at = 0; i < 784; i++, at += hidden) {
          const l = logits[i], e = Math.exp(-Math.abs(l));
          reconstruction += Math.max(l, 0) - x[i] * l + Math.log1p(e);
          const dl = ((l >= 0 ? 1 / (1 + e) : e / (1 + e)) - x[i]) * share;
          g.ob[i] += dl;
          for (let j = 0; j < hidden; j++) { g.o[at + j] += dl * u[j]; du[j] += dl * p.o[at + j]; }
        }
        const dz = new Float32Array(nz);
        for (let j = 0; j < hidden; j++) {
          if (u[j] === 0) continue;
          g.c[j] += du[j];
          for (let d = 0; d < nz; d++) { g.v[j * nz + d] += du[j] * z[d]; dz[d] += du[j] * p.v[j * nz + d]; }
        }
        for (let d = 0; d < nz; d++) {
          kl += 0.5 * (mu[d] * mu[d] + sigma[d] * sigma[d] - 1 - lv[d]);
          const dmu = dz[d] + beta * share * mu[d];
          const dlv = 0.5 * dz[d] * noise[b][d] * sigma[d] + 0.5 * beta * share * (sigma[d] * sigma[d] - 1);
          g.mub[d] += dmu;
          g.lvb[d] += dlv;
          for (let j = 0, at = d * hidden; j < hidden; j++) {
            g.mu[at + j] += dmu * h[j];
            g.lv[at + j] += dlv * h[j];
            dh[j] += dmu * p.mu[at + j] + dlv * p.lv[at + j];
          }
        }
        for (let j = 0; j < hidden; j++) { if (h[j] === 0) dh[j] = 0; g.b[j] += dh[j]; }
        for (let k = 0; k < 784; k++) {
          const ink = x[k];
          if (ink !== 0) for (let j = 0, at = k * hidden; j < hidden; j++) g.w[at + j] += ink * dh[j];
        }
      });
      return { reconstruction: reconstruction * share, kl: kl * share };
    }

    /** One step of Adam (Kingma and Ba 2015) on a batch; its losses before the step. */
    step(images, noise, beta, rate) {
      const losses = this.backward(images, noise, beta), { all, gradient, first, second } = this;
      this.steps++;
      const up1 = 1 / (1 - 0.9 ** this.steps), up2 = 1 / (1 - 0.999 ** this.steps);
      for (let i = 0; i < all.length; i++) {
        const g = gradient[i];
        first[i] = 0.9 * first[i] + 0.1 * g;
        second[i] = 0.999 * second[i] + 0.001 * g * g;
        all[i] -= (rate * first[i] * up1) / (Math.sqrt(second[i] * up2) + 1e-8);
      }
      return losses;
    }
  }

  /** Serves a page: told {images} it trains, batch by batch, and tells what it sees four times a second. */
  function serve(port) {
    const size = 50, around = 11;
    let images = [], network = null, beta = 1, rate = 2e-3, on = false, order = [], seen = { n: 0, reconstruction: 0, kl: 0 };
    let epoch = 0, told = 0, span = 3;
    const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
    const shuffled = () => {
      const list = images.map((_, i) => i);
      for (let i = list.length - 1; i > 0; i--) {
        const j = Math.floor(Math.random() * (i + 1));
        [list[i], list[j]] = [list[j], list[i]];
      }
      return list;
    };
    const fresh = () => {
      const mean = new Float32Array(784);
      images.forEach((x) => x.forEach((v, i) => { mean[i] += v / images.length; }));
      network = new Network({ mean });
      order = shuffled();
      epoch = told = 0;
      seen = { n: 0, reconstruction: 0, kl: 0 };
    };
    const tell = () => {
      const codes = new Float32Array(2 * images.length), grid = new Uint8Array(around * around * 784);
      images.forEach((x, i) => codes.set(network.encode(x).mu, 2 * i));
      for (let r = 0, at = 0; r < around; r++)
        for (let c = 0; c < around; c++) {
          const place = (k) => ((2 * k + 1) / around - 1) * span;
          for (const l of network.decode([place(c), -place(r)]).logits) grid[at++] = 255 / (1 + Math.exp(-l));
        }
      const losses = seen.n ? { reconstruction: seen.reconstruction / seen.n, kl: seen.kl / seen.n } : null;
      seen = { n: 0, reconstruction: 0, kl: 0 };
      const done = epoch + 1 - order.length / images.length;
      port.postMessage({ codes, grid, losses, epochs: done }, [codes.buffer, grid.buffer]);
    };
    const work = () => {
      if (!on) return;
      if (!order.length) { order = shuffled(); epoch++; }
      const batch = order.splice(-size).map((i) => images[i]);
      const { reconstruction, kl } = network.step(batch, batch.map(() => [normal(), normal()]), beta, rate);
      seen = { n: seen.n + 1, reconstruction: seen.reconstruction + reconstruction, kl: seen.kl + kl };
      if (Date.now() - told > 250) { tell(); told = Date.now(); }
      setTimeout(work);
    };
    port.onmessage = ({ data }) => {
      if (data.images) {
        const count = data.images.length / 784;
        images = Array.from({ length: count }, (_, i) => Float32Array.from(data.images.subarray(784 * i, 784 * (i + 1)), (v) => v / 255));
        fresh();
      }
      if (data.add) images.push(Float32Array.from(data.add));
      if (data.fresh) fresh();
      if (data.beta !== undefined) beta = data.beta;
      if (data.rate !== undefined) rate = data.rate;
      if (data.on !== undefined && data.on !== on) { on = data.on; if (on) work(); }
      if (!on) tell();
    };
  }
  return { Network, serve };
}
