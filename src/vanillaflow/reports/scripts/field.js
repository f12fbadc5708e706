// The exact flow in the page: the field A x + c + sum_k a_k g_k(w_k.x + b_k) by the classical Runge-Kutta method.
(function (vf) {
  "use strict";

  // erf, by its series near 0 and a continued fraction (Lentz) further out.
  function erf(x) {
    const r = Math.abs(x);
    if (r < 2.5) {
      let term = r, sum = r;
      for (let n = 1; n < 80 && Math.abs(term) > 1e-17 * sum; n++) {
        term *= (-r * r) / n;
        sum += term / (2 * n + 1);
      }
      return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * sum;
    }
    let f = r;
    for (let n = 60; n > 0; n--) f = r + n / 2 / f;
    return Math.sign(x) * (1 - Math.exp(-r * r) / (f * Math.sqrt(Math.PI)));
  }

  const expit = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));
  const leaky = (slope) => (z) => (z > 0 ? z : slope * z);
  const profiles = {
    tanh: Math.tanh,
    sigmoid: expit,
    sin: Math.sin,
    cos: Math.cos,
    exp: Math.exp,
    relu: leaky(0),
    abs: Math.abs,
    leaky_relu: leaky(0.01),
    elu: (z) => (z > 0 ? z : Math.expm1(z)),
    softplus: (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))),
    silu: (z) => z * expit(z),
    gelu: (z) => (z / 2) * (1 + erf(z / Math.SQRT2)),
    arctan: Math.atan,
  };

  function power(p) {
    return (z) => {
      let product = z;
      for (let i = 1; i < p; i++) product *= z;
      return product;
    };
  }

  // The function of a name that profiles.py knows.
  vf.profile = function (name) {
    if (Object.hasOwn(profiles, name)) return profiles[name];
    if (/^power\d+$/.test(name)) return power(Number(name.slice(5)));
    const slope = /^leaky_relu\((.*)\)$/.exec(name);
    if (slope) return leaky(Number(slope[1]));
    throw new Error("unknown profile " + name);
  };

  vf.RidgeField = class {
    constructor(data, dim) {
      this.dim = dim;
      for (const name of ["A", "c", "a", "w", "b"]) this[name] = vf.decode(data[name]).values;
      this.profiles = data.profiles.map(vf.profile);
      this.length = data.length;
      this.steps = data.steps;
    }

    // v(x), one point.
    value(x) {
      const d = this.dim, v = Float64Array.from(this.c);
      for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) v[i] += this.A[i * d + j] * x[j];
      for (let k = 0; k < this.b.length; k++) {
        let z = this.b[k];
        for (let i = 0; i < d; i++) z += this.w[k * d + i] * x[i];
        const g = this.profiles[k](z);
        for (let i = 0; i < d; i++) v[i] += this.a[k * d + i] * g;
      }
      return v;
    }

    step(x, h) {
      const plus = (k, s) => x.map((value, i) => value + s * k[i]);
      const k1 = this.value(x), k2 = this.value(plus(k1, h / 2)), k3 = this.value(plus(k2, h / 2));
      const k4 = this.value(plus(k3, h));
      return x.map((value, i) => value + (h / 6) * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]));
    }
  };

  // The states of the trajectory that starts at x, one after every step of every piece in time.
  vf.trajectory = function (pieces, x) {
    let state = Float64Array.from(x);
    const states = [state];
    for (const piece of pieces) {
      for (let i = 0; i < piece.steps; i++) {
        state = piece.step(state, piece.length / piece.steps);
        states.push(state);
      }
    }
    return states;
  };
})((window.vanillaflow = window.vanillaflow || {}));
