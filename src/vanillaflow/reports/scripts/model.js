// What the page knows: its data, the maps made of them, and where a slice's points go.
(function (vf) {
  "use strict";

  const data = (vf.data = JSON.parse(document.getElementById("data").textContent));
  const flow = (vf.flow = data.flow ? new vf.Flow(data.flow, data.dim, data.root) : null);
  const network = data.network ? new vf.Network(data.network) : null;
  const pieces = data.field ? data.field.map((piece) => new vf.RidgeField(piece, data.dim)) : null;

  // The coordinates of a slice; in one dimension a point is drawn over where it starts.
  function placed(states, pair, starts) {
    const d = data.dim, n = states.length / d, points = new Float64Array(2 * n);
    for (let q = 0; q < n; q++) {
      points[2 * q] = pair.length === 1 ? starts[q] : states[q * d + pair[0]];
      points[2 * q + 1] = states[q * d + pair[pair.length - 1]];
    }
    return points;
  }
  const paired = (values, starts) =>
    starts ? Float64Array.from({ length: 2 * values.length }, (_, i) => (i % 2 ? values[i >> 1] : starts[i >> 1])) : values;

  vf.Slice = class {
    constructor(index) {
      const given = data.slices[index];
      this.index = index;
      this.pair = given.pair;
      this.names = given.pair.map((i) => data.variables[i]);
      this.low = given.pair.map((i) => data.low[i]);
      this.high = given.pair.map((i) => data.high[i]);
      this.side = given.side;
      this.every = given.every;
      this.error = vf.decode(given.error).values;
      const x = vf.slicePoints(data.low, data.high, this.pair, this.side);
      const lines = this.lineIndices(), d = data.dim;
      this.grid = new Float64Array(lines.length * d);
      lines.forEach((q, k) => this.grid.set(x.subarray(q * d, (q + 1) * d), k * d));
      this.starts = this.pair.length === 1 ? this.grid : null;
      this.exact = paired(vf.decode(given.exact).values, this.starts);
      this.steps = flow ? flow.steps : data.frames.depths.length - 1;
      if (flow) this.track = new vf.Track(flow, this.grid);
      else this.stored = vf.decode(data.frames.grids[index]).values;
      const worst = this.error.indexOf(this.error.reduce((a, b) => Math.max(a, b)));
      this.worst = [worst % this.side, Math.floor(worst / this.side)].map((k) => k / (this.side - 1));
    }

    lineIndices() {
      const indices = [], side = this.side;
      if (this.pair.length === 1) return Array.from({ length: side }, (_, i) => i);
      for (let j = 0; j < side; j += this.every) for (let i = 0; i < side; i++) indices.push(j * side + i);
      for (let i = 0; i < side; i += this.every) for (let j = 0; j < side; j++) indices.push(j * side + i);
      return indices;
    }

    // The grid's points after `step` steps, which may be a fraction: [x0, y0, x1, y1, ...].
    frame(step) {
      if (this.track) return placed(this.track.frame(step), this.pair, this.starts);
      const size = this.stored.length / data.frames.depths.length, low = Math.floor(step), part = step - low;
      const from = Float64Array.from(this.stored.subarray(low * size, (low + 1) * size));
      if (part > 0) for (let i = 0; i < size; i++) from[i] += part * (this.stored[(low + 1) * size + i] - from[i]);
      return paired(from, this.starts);
    }

    // What all frames, and the exact flow, are within.
    range() {
      if (!this.bounds) {
        const stride = Math.max(1, Math.ceil(this.steps / 24)), clouds = [this.exact, this.frame(this.steps)];
        for (let step = 0; step < this.steps; step += stride) clouds.push(this.frame(step));
        this.bounds = vf.rangeOf(clouds, this.pair.length === 2);
      }
      return this.bounds;
    }

    kinks() {
      if (!this.lines) {
        const most = 3e8 / Math.max(1, flow.kinks * data.dim), room = Math.floor(most ** (1 / this.pair.length));
        const side = this.pair.length === 1 ? 4097 : Math.min(161, Math.max(33, room));
        this.lines = vf.kinkLines(flow, data.low, data.high, this.pair, side);
      }
      return this.lines;
    }

    // The coordinates of a place in `error`.
    placeOf(q) {
      return this.pair.map((_, k) => {
        const tick = (k === 0 ? q % this.side : Math.floor(q / this.side)) / (this.side - 1);
        return this.low[k] + tick * (this.high[k] - this.low[k]);
      });
    }

    // The starting point of the box with these coordinates of the pair.
    point(coordinates) {
      const x = Float64Array.from(data.low, (low, i) => (low + data.high[i]) / 2);
      this.pair.forEach((i, place) => (x[i] = coordinates[place]));
      return x;
    }

    // Stored trajectories start at certain points only: the nearest of them.
    snapped(coordinates) {
      if (pieces) return coordinates;
      const starts = data.stored[this.index].starts;
      return coordinates.map((v, i) => {
        const width = this.high[i] - this.low[i];
        return this.low[i] + (Math.round(((v - this.low[i]) / width) * (starts - 1)) / (starts - 1)) * width;
      });
    }

    // The point's way through the planar maps, and where it ends.
    byNetwork(x) {
      if (!flow) return null;
      const track = new vf.Track(flow, x), states = [];
      for (let step = 0; step <= flow.steps; step++) states.push(...track.frame(step));
      const all = Float64Array.from(states), starts = new Float64Array(flow.steps + 1).fill(x[this.pair[0]]);
      return { path: placed(all, this.pair, starts), end: Array.from(all.slice(-data.dim)) };
    }

    // The ODE's trajectory, its end in all coordinates or, of a stored one, in those of the slice.
    byOde(x) {
      if (pieces) {
        const states = vf.trajectory(pieces, x), all = vf.flat(states.map((state) => Array.from(state)));
        const starts = new Float64Array(states.length).fill(x[this.pair[0]]);
        return { path: placed(all, this.pair, starts), end: Array.from(states[states.length - 1]) };
      }
      const { starts, states } = data.stored[this.index];
      const { values, shape } = (this.decoded = this.decoded || vf.decode(states));
      const place = this.pair.map((i, k) => Math.round(((x[i] - this.low[k]) / (this.high[k] - this.low[k])) * (starts - 1)));
      const q = place[0] + starts * (place[1] || 0), k = this.pair.length, path = [];
      for (let t = 0; t < shape[0]; t++) {
        const at = (t * shape[1] + q) * k;
        path.push(k === 1 ? x[this.pair[0]] : values[at], values[at + k - 1]);
      }
      return { path: Float64Array.from(path), end: k === 1 ? path.slice(-1) : path.slice(-2) };
    }
  };

  // For whoever wants to look closer, and for tests: rows of points in, rows out.
  vf.forward = (points) => vf.rows(flow.forward(vf.flat(points)), data.dim);
  vf.layers = (points) => vf.rows(network.forward(vf.flat(points)), data.dim);
  vf.ode = (points) => points.map((x) => Array.from(vf.trajectory(pieces, x).at(-1)));
  vf.network = network ? vf.layers : null;
  vf.integrates = Boolean(pieces);
})((window.vanillaflow = window.vanillaflow || {}));
