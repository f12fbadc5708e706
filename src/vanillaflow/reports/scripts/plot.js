// Drawing on canvases: a frame with labelled ticks, polylines, colours that follow the colour scheme.
(function (vf) {
  "use strict";

  vf.colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

  // Viridis, by linear interpolation between nine of its colours.
  const VIRIDIS = [
    [68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141],
    [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37],
  ];
  vf.viridis = function (part) {
    const place = Math.min(Math.max(part, 0), 1) * (VIRIDIS.length - 1);
    const low = Math.min(Math.floor(place), VIRIDIS.length - 2);
    return VIRIDIS[low].map((v, i) => Math.round(v + (place - low) * (VIRIDIS[low + 1][i] - v)));
  };
  vf.rampColour = function (part) {
    const from = Number(vf.colour("ramp-from")), to = Number(vf.colour("ramp-to"));
    return `rgb(${vf.viridis(from + part * (to - from)).join(" ")})`;
  };

  // Round numbers, about `count` of them, within the interval.
  vf.ticks = function (low, high, count) {
    const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((s) => s * power).find((s) => s >= rough) || 10 * power;
    const ticks = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) ticks.push(k * step);
    return ticks;
  };
  vf.short = (value, digits = 4) => String(Number(value.toPrecision(digits)));

  const FONT = '12px system-ui, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif';

  // Sizes the canvas to its element, in device pixels; returns its context, scaled to CSS pixels.
  vf.context = function (canvas) {
    const scale = Math.max(window.devicePixelRatio || 1, 1);
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = FONT;
    context.lineJoin = "round";
    return { context, width, height };
  };

  // A plot of [x0, x1] by [y0, y1] on a canvas, with axes named by `names`.
  vf.Plot = class {
    constructor(canvas, names) {
      this.canvas = canvas;
      this.names = names;
      this.range = [0, 1, 0, 1];
      this.margin = { left: 40, right: 8, top: 18, bottom: 26 };
    }

    begin() {
      const { context, width, height } = vf.context(this.canvas);
      Object.assign(this, { context, width, height });
      return context;
    }

    // Pixels per unit, and where the range's corner is.
    toPixel(x, y) {
      const [x0, x1, y0, y1] = this.range, m = this.margin;
      return [
        m.left + ((x - x0) / (x1 - x0)) * (this.width - m.left - m.right),
        this.height - m.bottom - ((y - y0) / (y1 - y0)) * (this.height - m.top - m.bottom),
      ];
    }

    fromPixel(px, py) {
      const [x0, x1, y0, y1] = this.range, m = this.margin;
      return [
        x0 + ((px - m.left) / (this.width - m.left - m.right)) * (x1 - x0),
        y0 + ((this.height - m.bottom - py) / (this.height - m.top - m.bottom)) * (y1 - y0),
      ];
    }

    axes() {
      const c = this.context, [x0, x1, y0, y1] = this.range, m = this.margin;
      const right = this.width - m.right, bottom = this.height - m.bottom;
      c.strokeStyle = vf.colour("rule");
      c.lineWidth = 1;
      c.strokeRect(m.left + 0.5, m.top + 0.5, right - m.left - 1, bottom - m.top - 1);
      c.fillStyle = vf.colour("soft");
      c.textAlign = "center";
      c.textBaseline = "top";
      for (const tick of vf.ticks(x0, x1, 5)) {
        const [px] = this.toPixel(tick, y0);
        c.fillRect(px - 0.5, bottom, 1, 4);
        if (px < right - 26) c.fillText(vf.short(tick), px, bottom + 7);
      }
      c.textAlign = "right";
      c.fillText(this.names[0], right, bottom + 7);
      if (this.names.length < 2) return;
      c.textBaseline = "middle";
      for (const tick of vf.ticks(y0, y1, 5)) {
        const [, py] = this.toPixel(x0, tick);
        c.fillRect(m.left - 4, py - 0.5, 4, 1);
        c.fillText(vf.short(tick), m.left - 7, py);
      }
      c.textAlign = "left";
      c.textBaseline = "alphabetic";
      c.fillText(this.names[1], m.left - 4, 12);
    }

    clip(draw) {
      const c = this.context, m = this.margin;
      c.save();
      c.beginPath();
      c.rect(m.left, m.top, this.width - m.left - m.right, this.height - m.top - m.bottom);
      c.clip();
      draw(c);
      c.restore();
    }

    // Points [x0, y0, x1, y1, ...], joined within each run of `run` points.
    lines(points, run, colour, width, alpha = 1) {
      const c = this.context;
      c.beginPath();
      for (let q = 0; 2 * q < points.length; q++) {
        const [px, py] = this.toPixel(points[2 * q], points[2 * q + 1]);
        if (q % run === 0) c.moveTo(px, py);
        else c.lineTo(px, py);
      }
      c.strokeStyle = colour;
      c.lineWidth = width;
      c.globalAlpha = alpha;
      c.stroke();
      c.globalAlpha = 1;
    }

    dot(x, y, radius, colour) {
      const c = this.context, [px, py] = this.toPixel(x, y);
      c.beginPath();
      c.arc(px, py, radius, 0, 2 * Math.PI);
      c.fillStyle = colour;
      c.fill();
      c.lineWidth = 1.5;
      c.strokeStyle = vf.colour("paper");
      c.stroke();
    }

    speck(x, y, colour) {
      const c = this.context;
      c.beginPath();
      c.arc(...this.toPixel(x, y), 2.25, 0, 2 * Math.PI);
      c.fillStyle = colour;
      c.fill();
    }

    ring(x, y, colour) {
      const c = this.context, [px, py] = this.toPixel(x, y);
      c.beginPath();
      c.arc(px, py, 5, 0, 2 * Math.PI);
      c.fillStyle = vf.colour("paper");
      c.fill();
      c.lineWidth = 2;
      c.strokeStyle = colour;
      c.stroke();
    }

    // A ring with a cross through it: the starting point, where it can be moved.
    mark(x, y, colour, halo) {
      const c = this.context, [px, py] = this.toPixel(x, y);
      for (const [width, style] of [[4, halo], [1.75, colour]]) {
        c.beginPath();
        c.arc(px, py, 6, 0, 2 * Math.PI);
        for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
          c.moveTo(px + 3 * dx, py + 3 * dy);
          c.lineTo(px + 11 * dx, py + 11 * dy);
        }
        c.lineWidth = width;
        c.strokeStyle = style;
        c.stroke();
      }
    }
  };

  // The smallest range that holds the points, with a little room, and of one scale where that is not wasteful.
  vf.rangeOf = function (clouds, oneScale) {
    const r = [Infinity, -Infinity, Infinity, -Infinity];
    for (const cloud of clouds) {
      for (let q = 0; q < cloud.length; q += 2) {
        r[0] = Math.min(r[0], cloud[q]);
        r[1] = Math.max(r[1], cloud[q]);
        r[2] = Math.min(r[2], cloud[q + 1]);
        r[3] = Math.max(r[3], cloud[q + 1]);
      }
    }
    let width = (r[1] - r[0]) * 1.06 || 1, height = (r[3] - r[2]) * 1.06 || 1;
    if (oneScale && Math.max(width, height) < 3 * Math.min(width, height)) {
      width = height = Math.max(width, height);
    }
    const x = (r[0] + r[1]) / 2, y = (r[2] + r[3]) / 2;
    return [x - width / 2, x + width / 2, y - height / 2, y + height / 2];
  };
})((window.vanillaflow = window.vanillaflow || {}));
