// The page's controls: depth, play, slice, overlay, starting point.
(function (vf) {
  "use strict";

  const element = (id) => document.getElementById(id);
  const data = vf.data;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const pictures = new vf.Pictures();
  const slices = data.slices.map(() => null);
  const state = (vf.state = { step: 0, overlay: false, start: [], network: null, ode: null, playing: false });
  const inputs = [element("start-0"), element("start-1")].filter(Boolean);
  const slider = element("step"), play = element("play"), choice = element("pair");
  // A play through takes about so many seconds, of however many steps.
  const SECONDS = 7, CALM_PAUSE = 700, CALM_FRAMES = 12;
  let slice, wanted = false;

  function redraw() {
    if (wanted) return;
    wanted = true;
    requestAnimationFrame(() => {
      wanted = false;
      pictures.draw(state);
    });
  }

  function depthText(step) {
    const reached = Math.ceil(step - 1e-9);
    if (data.frames) return `${data.frames.depths[reached]} of ${data.kinks} kinks`;
    if (data.kinks === 0) return reached ? "one affine map" : "before the affine map";
    return `${reached} of ${data.kinks} kink${data.kinks === 1 ? "" : "s"}`;
  }

  // Said aloud when it settles, not at every frame of the animation.
  function setStep(step, silent) {
    state.step = Math.min(Math.max(step, 0), slice.steps);
    slider.value = String(Math.round(state.step));
    slider.setAttribute("aria-valuetext", depthText(state.step));
    const text = element("step-text");
    text.setAttribute("aria-live", silent ? "off" : "polite");
    text.textContent = depthText(state.step);
    if (!silent) element("network-plot").setAttribute("aria-label", `The grid, carried by the network: ${depthText(state.step)}`);
    redraw();
  }

  function number(value) {
    const size = Math.abs(value);
    return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : String(Number(value.toFixed(4)));
  }
  const error = (value) => (value === 0 ? "0" : value < 1e-3 || value >= 1e4 ? value.toExponential(1) : String(Number(value.toPrecision(2))));
  const shown = (values) => `(${values.slice(0, 4).map(number).join(", ")}${values.length > 4 ? ", ..." : ""})`;

  function setStart(coordinates) {
    const clipped = coordinates.map((v, i) => Math.min(Math.max(v, slice.low[i]), slice.high[i]));
    state.start = slice.snapped(clipped);
    inputs.forEach((input, i) => {
      if (document.activeElement !== input) input.value = vf.short(state.start[i], 5);
    });
    const x = slice.point(state.start);
    state.network = slice.byNetwork(x);
    state.ode = slice.byOde(x);
    element("by-ode").textContent = shown(state.ode.end);
    element("by-network").textContent = state.network ? shown(state.network.end) : "too large to be in this file";
    const off = state.network && state.ode.end.length === data.dim
      ? Math.max(...state.ode.end.map((v, i) => Math.abs(v - state.network.end[i])))
      : slice.error[pictures.nearest(state.start)];
    element("by-both").textContent = error(off);
    tellError(state.start, (state.off = off));
    redraw();
  }

  function tellError(at, value) {
    const places = slice.names.map((name, i) => `${name} = ${vf.short(at[i], 3)}`).join(", ");
    element("error-text").textContent = `At ${places}: ${error(value)}`;
  }

  function choose(index) {
    slice = slices[index] = slices[index] || new vf.Slice(index);
    vf.slice = slice;
    slider.max = String(slice.steps);
    pictures.use(slice);
    inputs.forEach((input, i) => {
      input.previousElementSibling.textContent = slice.names[i];
      input.step = "any";
      input.min = String(slice.low[i]);
      input.max = String(slice.high[i]);
    });
    setStart(slice.low.map((low, i) => low + (i === 0 ? 0.3125 : 0.84375) * (slice.high[i] - low)));
  }

  // Play: on from here, or from the beginning; in whole steps where motion is unwelcome.
  let ticket = 0;
  function playing(on) {
    state.playing = on;
    play.textContent = on ? "Pause" : "Play";
    play.setAttribute("aria-pressed", String(on));
    const mine = ++ticket;
    if (!on) return setStep(Math.round(state.step));
    if (state.step >= slice.steps) setStep(0, true);
    let last = performance.now();
    const calmStep = Math.max(1, Math.round(slice.steps / CALM_FRAMES));
    const next = (now) => {
      if (ticket !== mine) return;
      const step = calm.matches ? state.step + calmStep : state.step + ((now - last) / 1000) * (slice.steps / SECONDS);
      last = now;
      if (step >= slice.steps) {
        setStep(slice.steps);
        return playing(false);
      }
      setStep(step, true);
      schedule();
    };
    const schedule = () => (calm.matches ? setTimeout(() => next(performance.now()), CALM_PAUSE) : requestAnimationFrame(next));
    schedule();
  }

  const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };
  function steer(holder, plot) {
    const at = (event) => {
      const box = plot.canvas.getBoundingClientRect();
      return plot.fromPixel(event.clientX - box.left, event.clientY - box.top).slice(0, slice.pair.length);
    };
    holder.addEventListener("click", (event) => setStart(at(event)));
    holder.addEventListener("keydown", (event) => {
      const way = KEYS[event.key];
      if (!way || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const part = vf.integrates ? (event.shiftKey ? 1 / 256 : 1 / 32) : 1 / (data.stored[slice.index].starts - 1);
      setStart(state.start.map((v, i) => v + way[i] * part * (slice.high[i] - slice.low[i])));
    });
    return at;
  }

  choose(0);
  setStep(slice.steps);
  steer(element("start-plot"), pictures.start);
  const hovered = steer(element("error-plot"), pictures.error);
  element("error-plot").addEventListener("pointermove", (event) => {
    const at = hovered(event);
    if (!at.every((v, i) => v >= slice.low[i] && v <= slice.high[i])) return;
    const place = pictures.nearest(at);
    tellError(slice.placeOf(place), slice.error[place]);
  });
  element("error-plot").addEventListener("pointerleave", () => tellError(state.start, state.off));
  slider.addEventListener("input", () => {
    const step = Number(slider.value);
    if (state.playing) playing(false);
    setStep(step);
  });
  play.addEventListener("click", () => playing(!state.playing));
  element("overlay").addEventListener("change", (event) => {
    state.overlay = event.target.checked;
    redraw();
  });
  if (choice) {
    choice.addEventListener("change", () => {
      if (state.playing) playing(false);
      choose(Number(choice.value));
      setStep(state.step);
    });
  }
  inputs.forEach((input) =>
    input.addEventListener("change", () => {
      const values = inputs.map((each, i) => (each.value === "" || !isFinite(each.value) ? state.start[i] : Number(each.value)));
      setStart(values);
      inputs.forEach((each, i) => (each.value = vf.short(state.start[i], 5)));
    }),
  );

  // How far the network's layers are from the planar maps, on the grid of the first slice.
  if (vf.network) {
    const x = slice.grid, one = vf.flow.forward(x), other = vf.network ? vf.flat(vf.network(vf.rows(x, data.dim))) : one;
    vf.apart = one.reduce((most, v, i) => Math.max(most, Math.abs(v - other[i])), 0);
    const text = element("layers-apart");
    if (text) text.textContent = vf.apart.toExponential(0);
  }

  const repaint = () => {
    pictures.draw(state);
    pictures.drawScale();
  };
  new ResizeObserver(repaint).observe(element("error-plot"));
  new ResizeObserver(repaint).observe(element("start-plot"));
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", repaint);
  addEventListener("beforeprint", repaint);
  addEventListener("afterprint", repaint);
  repaint();
  vf.frame = (step) => Array.from(slice.frame(step));
  vf.ready = true;
})((window.vanillaflow = window.vanillaflow || {}));
