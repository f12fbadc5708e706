// Where the kinks lie among the starting points: the zero sets of w_l.x - t_l, x after the planar maps before
// l, by marching squares on the slice's points. Within a square of the grid the function is nearly affine.
(function (vf) {
  "use strict";

  // Points of a slice through the box's centre, side along each coordinate of the pair, the first one fastest.
  vf.slicePoints = function (low, high, pair, side) {
    const d = low.length, n = side ** pair.length;
    const x = new Float64Array(n * d);
    for (let q = 0; q < n; q++) {
      for (let i = 0; i < d; i++) x[q * d + i] = (low[i] + high[i]) / 2;
      pair.forEach((i, place) => {
        const tick = (place === 0 ? q % side : Math.floor(q / side)) / (side - 1);
        x[q * d + i] = low[i] + tick * (high[i] - low[i]);
      });
    }
    return x;
  };

  // Segments of one zero set, as [x0, y0, x1, y1, ...] in the unit square; in one dimension points [x, ...].
  function zeroSet(f, side, dimensions) {
    const found = [];
    const cross = (p, q) => f[p] / (f[p] - f[q]);
    if (dimensions === 1) {
      for (let i = 0; i + 1 < side; i++) {
        if (f[i] > 0 !== f[i + 1] > 0) found.push((i + cross(i, i + 1)) / (side - 1));
      }
      return found;
    }
    for (let j = 0; j + 1 < side; j++) {
      for (let i = 0; i + 1 < side; i++) {
        const a = j * side + i, b = a + 1, c = a + side, e = c + 1;
        const count = (f[a] > 0) + (f[b] > 0) + (f[c] > 0) + (f[e] > 0);
        if (count === 0 || count === 4) continue;
        const above = [f[a] > 0, f[b] > 0, f[e] > 0, f[c] > 0];
        const ends = [];
        if (above[0] !== above[1]) ends.push([i + cross(a, b), j]);
        if (above[1] !== above[2]) ends.push([i + 1, j + cross(b, e)]);
        if (above[3] !== above[2]) ends.push([i + cross(c, e), j + 1]);
        if (above[0] !== above[3]) ends.push([i, j + cross(a, c)]);
        for (let k = 0; k + 1 < ends.length; k += 2) {
          found.push(...ends[k].map((v) => v / (side - 1)), ...ends[k + 1].map((v) => v / (side - 1)));
        }
      }
    }
    return found;
  }

  // One array of segments for every kink, first to last.
  vf.kinkLines = function (flow, low, high, pair, side) {
    const d = flow.dim, lines = [];
    const n = side ** pair.length;
    let x = vf.slicePoints(low, high, pair, side);
    const f = new Float64Array(n);
    for (let step = 1; step <= flow.kinks; step++) {
      if (step === 1) x = flow.affineAt(x, n, 0);
      const l = step - 1;
      for (let q = 0; q < n; q++) {
        let z = -flow.t[l];
        for (let i = 0; i < d; i++) z += flow.w[l * d + i] * x[q * d + i];
        f[q] = z;
        if (z > 0) for (let i = 0; i < d; i++) x[q * d + i] += flow.a[l * d + i] * z;
      }
      lines.push(zeroSet(f, side, pair.length));
      if (!flow.root) x = flow.affineAt(x, n, step);
    }
    return lines;
  };
})((window.vanillaflow = window.vanillaflow || {}));
