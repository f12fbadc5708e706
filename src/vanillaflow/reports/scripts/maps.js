// The compiled flow, one planar map a step, and the network's own layers.
(function (vf) {
  "use strict";

  // Step l of the flow, l = 1, 2, ..., is planar map l, x + a max(0, w.x - t), with the affine maps behind
  // it; the first step also has those before it. With a root R of the affine map at the end, state l is seen
  // through R^l (see frames.py), so that `view` of the last state is the flow's value.
  vf.Flow = class {
    constructor(data, dim, root) {
      this.dim = dim;
      for (const name of ["a", "w", "t", "M", "m"]) this[name] = vf.decode(data[name]).values;
      this.kinks = this.t.length;
      this.steps = Math.max(this.kinks, 1);
      this.stops = data.stops;
      this.root = root ? vf.decode(root).values : null;
      this.powers = [];
    }

    // The rows of x, n of them, after step `step`, which comes next. x is changed or replaced.
    advance(x, n, step) {
      if (step === 1) x = this.affineAt(x, n, 0);
      if (this.kinks > 0) {
        this.planar(x, n, step - 1);
        if (!this.root) x = this.affineAt(x, n, step);
      }
      return x;
    }

    planar(x, n, l) {
      const d = this.dim, a = this.a, w = this.w, at = l * d;
      for (let q = 0; q < n; q++) {
        let z = -this.t[l];
        for (let i = 0; i < d; i++) z += w[at + i] * x[q * d + i];
        if (z > 0) for (let i = 0; i < d; i++) x[q * d + i] += a[at + i] * z;
      }
    }

    affineAt(x, n, stop) {
      const d = this.dim;
      this.stops.forEach((place, j) => {
        if (place !== stop) return;
        x = vf.affine(this.M.subarray(j * d * d, (j + 1) * d * d), this.m.subarray(j * d, (j + 1) * d), x, n, d, d);
      });
      return x;
    }

    // What state `step` looks like: the states themselves, or seen through the root's power.
    view(x, n, step) {
      if (!this.root || step === 0) return x;
      if (step === this.kinks) return this.affineAt(x, n, this.kinks);
      const { M, m } = this.power(step);
      return vf.affine(M, m, x, n, this.dim, this.dim);
    }

    power(step) {
      const d = this.dim, e = d + 1, R = this.root;
      if (!this.powers.length) {
        const one = new Float64Array(e * e);
        for (let i = 0; i < e; i++) one[i * e + i] = 1;
        this.powers.push(one);
      }
      while (this.powers.length <= step) {
        const P = this.powers[this.powers.length - 1], next = new Float64Array(e * e);
        for (let i = 0; i < e; i++)
          for (let j = 0; j < e; j++)
            for (let k = 0; k < e; k++) next[i * e + j] += R[i * e + k] * P[k * e + j];
        this.powers.push(next);
      }
      const P = this.powers[step], M = new Float64Array(d * d), m = new Float64Array(d);
      for (let i = 0; i < d; i++) {
        for (let j = 0; j < d; j++) M[i * d + j] = P[i * e + j];
        m[i] = P[i * e + d];
      }
      return { M, m };
    }

    // The flow at the rows of x.
    forward(x) {
      const n = x.length / this.dim;
      x = Float64Array.from(x);
      for (let step = 1; step <= this.steps; step++) x = this.advance(x, n, step);
      return this.view(x, n, this.steps);
    }
  };

  // y -> max(z, s z) with z = W y + b, layer after layer, and a last affine one.
  vf.Network = class {
    constructor(data) {
      this.weights = data.weights.map(vf.decode);
      this.biases = data.biases.map((b) => vf.decode(b).values);
      this.slopes = vf.decode(data.slopes);
    }

    forward(x) {
      const n = x.length / this.weights[0].shape[1];
      const depth = this.weights.length - 1, perNeuron = this.slopes.shape.length === 2;
      for (let l = 0; l <= depth; l++) {
        const [rows, columns] = this.weights[l].shape;
        x = vf.affine(this.weights[l].values, this.biases[l], x, n, rows, columns);
        if (l === depth) break;
        for (let i = 0; i < x.length; i++) {
          const slope = this.slopes.values[perNeuron ? l * rows + (i % rows) : l];
          if (x[i] < 0) x[i] *= slope;
        }
      }
      return x;
    }
  };

  // Points on their way through the flow: frames at any step, computed on from the nearest one that is kept.
  vf.Track = class {
    constructor(flow, x) {
      this.flow = flow;
      this.n = x.length / flow.dim;
      this.every = Math.max(1, Math.ceil(flow.steps / 16));
      this.kept = new Map([[0, Float64Array.from(x)]]);
      this.current = { step: 0, x: Float64Array.from(x) };
    }

    state(step) {
      let { step: at, x } = this.current;
      if (at > step) {
        at = Math.max(...[...this.kept.keys()].filter((key) => key <= step));
        x = Float64Array.from(this.kept.get(at));
      }
      while (at < step) {
        x = this.flow.advance(x, this.n, ++at);
        if (at % this.every === 0 && !this.kept.has(at)) this.kept.set(at, Float64Array.from(x));
      }
      this.current = { step: at, x };
      return x;
    }

    // The points at a step, or part of the way between two.
    frame(step) {
      const low = Math.floor(step), part = step - low;
      const from = Float64Array.from(this.flow.view(this.state(low), this.n, low));
      if (part === 0) return from;
      const to = this.flow.view(this.state(low + 1), this.n, low + 1);
      for (let i = 0; i < from.length; i++) from[i] += part * (to[i] - from[i]);
      return from;
    }
  };
})((window.vanillaflow = window.vanillaflow || {}));
