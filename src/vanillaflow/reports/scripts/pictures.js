// The page's canvases: starting points with kinks, the network's grid, the exact one, the error.
(function (vf) {
  "use strict";

  const element = (id) => document.getElementById(id);
  // Of so many steps each is a dot.
  const FEW = 30;
  const canvasOf = (id) => element(id).querySelector("canvas");

  vf.Pictures = class {
    constructor() {
      this.start = new vf.Plot(canvasOf("start-plot"), []);
      this.network = new vf.Plot(element("network-plot"), []);
      this.exact = new vf.Plot(element("exact-plot"), []);
      this.error = new vf.Plot(canvasOf("error-plot"), []);
      this.most = Math.max(...vf.data.slices.map((part) => vf.decode(part.error).values.reduce((a, b) => Math.max(a, b), 0)));
      if (vf.data.dim <= 2) this.most = Math.max(this.most, vf.data.worst.error);
      // Everything that holds for one map would have no scale.
      if (!(this.most > 0)) this.most = 1;
      this.heat = new Map();
    }

    use(slice) {
      this.slice = slice;
      const one = slice.pair.length === 1;
      const image = one ? [slice.names[0], "image"] : slice.names;
      const box = [slice.low[0], slice.high[0], ...(one ? [0, 1] : [slice.low[1], slice.high[1]])];
      this.start.names = slice.names;
      this.start.range = box;
      this.network.names = this.exact.names = image;
      this.network.range = this.exact.range = slice.range();
      this.error.names = one ? [slice.names[0], "error"] : slice.names;
      this.error.range = one ? [box[0], box[1], 0, 1.05 * this.most] : box;
    }

    // Everything that the state { step, overlay, start } decides.
    draw(state) {
      this.drawStart(state);
      this.drawNetwork(state);
      this.drawExact(state);
      this.drawError(state);
    }

    drawStart(state) {
      const plot = this.start, slice = this.slice, one = slice.pair.length === 1;
      plot.begin();
      plot.axes();
      const [x0, x1, y0, y1] = plot.range;
      plot.clip((c) => {
        const lines = vf.flow ? slice.kinks() : [], reached = Math.ceil(state.step - 1e-9);
        for (let l = 0; l < Math.min(lines.length, reached); l++) {
          c.strokeStyle = vf.rampColour(lines.length > 1 ? l / (lines.length - 1) : 0);
          c.lineWidth = l === reached - 1 && reached < lines.length ? 3 : lines.length > 120 ? 0.9 : 1.3;
          c.beginPath();
          const ends = lines[l], stride = one ? 1 : 4;
          for (let k = 0; k < ends.length; k += stride) {
            const from = [ends[k], one ? 0 : ends[k + 1]], to = one ? [ends[k], 1] : [ends[k + 2], ends[k + 3]];
            c.moveTo(...plot.toPixel(x0 + from[0] * (x1 - x0), y0 + from[1] * (y1 - y0)));
            c.lineTo(...plot.toPixel(x0 + to[0] * (x1 - x0), y0 + to[1] * (y1 - y0)));
          }
          c.stroke();
        }
      });
      plot.mark(state.start[0], one ? 0.5 : state.start[1], vf.colour("mark"), vf.colour("paper"));
    }

    drawNetwork(state) {
      const plot = this.network, run = this.slice.side;
      plot.begin();
      plot.axes();
      plot.clip(() => {
        if (state.overlay) plot.lines(this.slice.exact, run, vf.colour("orange-line"), 2.25, 0.5);
        plot.lines((this.frame = this.slice.frame(state.step)), run, vf.colour("blue"), 1, 0.8);
        const way = state.network;
        if (!way) return;
        const done = Math.min(Math.ceil(state.step) + 1, way.path.length / 2);
        if (state.overlay) plot.lines(state.ode.path, Infinity, vf.colour("orange"), 2);
        plot.lines(way.path, Infinity, vf.colour("ink"), 1.25, 0.45);
        const few = way.path.length < 2 * FEW;
        plot.lines(way.path.subarray(0, 2 * done), Infinity, vf.colour("ink"), few ? 1.75 : 1.4);
        for (let q = 0; q < done && few; q++) plot.speck(way.path[2 * q], way.path[2 * q + 1], vf.colour("ink"));
        plot.ring(way.path[0], way.path[1], vf.colour("ink"));
        plot.dot(way.path[2 * done - 2], way.path[2 * done - 1], 4.5, vf.colour("blue"));
      });
    }

    drawExact(state) {
      const plot = this.exact;
      plot.begin();
      plot.axes();
      plot.clip(() => {
        plot.lines(this.slice.exact, this.slice.side, vf.colour("orange-line"), 1, 0.85);
        const path = state.ode.path;
        plot.lines(path, Infinity, vf.colour("ink"), 2.25);
        plot.ring(path[0], path[1], vf.colour("ink"));
        plot.dot(path[path.length - 2], path[path.length - 1], 4.5, vf.colour("orange"));
      });
    }

    drawError(state) {
      const plot = this.error, slice = this.slice, one = slice.pair.length === 1, c = plot.begin();
      const [x0, x1, y0, y1] = plot.range;
      if (one) {
        const curve = new Float64Array(2 * slice.side);
        slice.error.forEach((value, i) => curve.set([x0 + (i / (slice.side - 1)) * (x1 - x0), value], 2 * i));
        plot.lines(curve, Infinity, vf.colour("blue"), 1.75);
      } else {
        const [left, bottom] = plot.toPixel(x0, y0), [right, top] = plot.toPixel(x1, y1);
        c.imageSmoothingEnabled = false;
        c.drawImage(this.image(slice), left, top, right - left, bottom - top);
      }
      plot.axes();
      const [wx, wy, worst] = this.worst();
      const [px, py] = plot.toPixel(wx, one ? worst : wy);
      for (const [width, style] of [[4, "#000000"], [2, "#ffffff"]]) {
        c.beginPath();
        c.rect(px - 6, py - 6, 12, 12);
        c.lineWidth = width;
        c.strokeStyle = style;
        c.stroke();
      }
      if (one) plot.mark(state.start[0], slice.error[this.nearest(state.start)], vf.colour("mark"), vf.colour("paper"));
      else plot.mark(state.start[0], state.start[1], "#ffffff", "#000000");
    }

    // The worst point to mark and its error: the certificate's where it is in the slice, else the slice's own.
    worst() {
      const slice = this.slice, { point, error } = vf.data.worst;
      if (vf.data.dim <= 2) return [point[0], point[1] || 0, error];
      const [u, v] = slice.worst, [x0, x1, y0, y1] = this.error.range;
      return [x0 + u * (x1 - x0), y0 + v * (y1 - y0), slice.error.reduce((a, b) => Math.max(a, b))];
    }

    // The place in slice.error nearest to a point of the slice.
    nearest(start) {
      const slice = this.slice;
      const place = slice.pair.map((_, k) => {
        const part = (start[k] - slice.low[k]) / (slice.high[k] - slice.low[k]);
        return Math.min(Math.max(Math.round(part * (slice.side - 1)), 0), slice.side - 1);
      });
      return place[0] + slice.side * (place[1] || 0);
    }

    image(slice) {
      if (this.heat.has(slice)) return this.heat.get(slice);
      const side = slice.side, canvas = document.createElement("canvas");
      canvas.width = canvas.height = side;
      const context = canvas.getContext("2d"), pixels = context.createImageData(side, side);
      slice.error.forEach((value, q) => {
        const at = 4 * ((side - 1 - Math.floor(q / side)) * side + (q % side));
        pixels.data.set([...vf.viridis(value / this.most), 255], at);
      });
      context.putImageData(pixels, 0, 0);
      this.heat.set(slice, canvas);
      return canvas;
    }

    drawScale() {
      if (vf.data.dim === 1) return;
      const { context: c, height } = vf.context(element("scale"));
      const top = this.error.margin.top, bottom = height - this.error.margin.bottom, left = 8, wide = 14;
      for (let y = top; y < bottom; y++) {
        c.fillStyle = `rgb(${vf.viridis((bottom - y) / (bottom - top)).join(" ")})`;
        c.fillRect(left, y, wide, 1.5);
      }
      c.fillStyle = vf.colour("soft");
      c.textBaseline = "middle";
      for (const tick of vf.ticks(0, this.most, 5)) {
        const y = bottom - (tick / this.most) * (bottom - top);
        c.fillRect(left + wide, y - 0.5, 4, 1);
        c.fillText(vf.short(tick, 2), left + wide + 7, y);
      }
    }
  };
})((window.vanillaflow = window.vanillaflow || {}));
