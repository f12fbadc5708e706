// The numbers of the page: `decode` gives { values: Float64Array, shape } of what Python's `encoded` wrote.
(function (vf) {
  "use strict";
  vf.decode = function (array) {
    const text = atob(array.base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    const view = new DataView(bytes.buffer);
    const double = array.dtype === "float64";
    const size = double ? 8 : 4;
    const values = new Float64Array(bytes.length / size);
    for (let i = 0; i < values.length; i++) {
      values[i] = double ? view.getFloat64(i * size, true) : view.getFloat32(i * size, true);
    }
    return { values, shape: array.shape };
  };

  // y = M x + m for every row of x, an array of n rows.
  vf.affine = function (M, m, x, n, rows, columns) {
    const y = new Float64Array(n * rows);
    for (let q = 0; q < n; q++) {
      for (let i = 0; i < rows; i++) {
        let sum = 0;
        for (let j = 0; j < columns; j++) sum += M[i * columns + j] * x[q * columns + j];
        y[q * rows + i] = sum + m[i];
      }
    }
    return y;
  };

  vf.flat = (points) => Float64Array.from(points.flat());
  vf.rows = function (values, d) {
    const rows = [];
    for (let i = 0; i < values.length; i += d) rows.push(Array.from(values.subarray(i, i + d)));
    return rows;
  };
})((window.vanillaflow = window.vanillaflow || {}));
