// Values along a drawn line: a curve for each layer in view, and the same as a table.

import { at, attempt, element, number, request, say } from "./page.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, BOTTOM] = [1000, 140, 52, 18];
const ROWS = 16;

export class Profile {
  constructor(stage, marks, layers) {
    Object.assign(this, { stage, marks, layers, line: null });
    at("draw-profile").addEventListener("click", () => this.draw());
    at("profile-close").addEventListener("click", () => this.close());
    layers.view.onChange((changes) => {
      if (this.line && ["a", "b", "o", "bands"].some((name) => name in changes)) this.load();
    });
    new ResizeObserver(() => this.found && !at("profile").hidden && this.chart()).observe(at("profile"));
  }

  draw() {
    const preview = (from, to) => this.marks.set("line", [from, to]);
    this.marks.draw("Drag a line over the map. Enter takes the middle row of the view, Escape ends it.", preview, (from, to) => this.take(from, to), () => this.acrossView());
  }

  // The middle row of what is in view, for the keyboard.
  acrossView() {
    const [left, top, right, bottom] = this.stage.inView();
    const row = (top + bottom) / 2;
    this.marks.stop();
    this.take([left, row], [right, row]);
  }

  take(from, to) {
    this.line = [...from, ...to];
    this.marks.set("line", [from, to]);
    return this.load();
  }

  close() {
    this.line = null;
    this.marks.set("line", null);
    at("profile").hidden = true;
    say("Profile closed");
  }

  async load() {
    const keys = this.layers.visible.map((layer) => layer.key);
    const line = this.line.map((side) => side.toFixed(3));
    const found = await attempt(() => request(`profile?line=${line}&layers=${keys}`));
    if (!found) return;
    this.found = found;
    at("profile").hidden = false;
    this.chart();
    say(at("profile-about").textContent);
  }

  // Of each layer the mean of the bands that are shown, which a quantity of one band is itself.
  curves() {
    return this.found.layers.map(({ key, values }) => {
      const layer = this.layers.get(key);
      const bands = this.layers.bands(layer).map((band) => values[layer.bands.findIndex((one) => one.number === band)]);
      const means = bands[0].map((_, place) => {
        const there = bands.map((band) => band[place]);
        return there.includes(null) ? null : there.reduce((sum, value) => sum + value, 0) / there.length;
      });
      return { layer, values: means };
    });
  }

  chart() {
    const curves = this.curves();
    const values = curves.flatMap((curve) => curve.values).filter((value) => value !== null);
    const unit = this.found.unit;
    const length = `${number(this.found.length)} ${unit}`;
    if (!values.length) {
      at("profile-about").textContent = `Along ${length} no layer holds data`;
      at("chart").replaceChildren();
      at("chart-keys").replaceChildren();
      at("chart-table").replaceChildren();
      return;
    }
    const [low, high] = [Math.min(...values), Math.max(...values)];
    at("profile-about").textContent = `Mean of the shown bands along ${length}, from ${number(low)} to ${number(high)}`;
    const width = at("chart").clientWidth || WIDTH;
    at("chart").setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const across = (share) => LEFT + share * (width - LEFT - 8);
    const up = (value) => 6 + (HEIGHT - BOTTOM - 12) * (1 - (value - low) / (high - low || 1));
    const parts = [low, (low + high) / 2, high].flatMap((value) => [
      shape("line", { class: "axis", x1: LEFT, x2: width - 8, y1: up(value), y2: up(value) }),
      shape("text", { x: LEFT - 6, y: up(value) + 4, "text-anchor": "end" }, number(value)),
    ]);
    parts.push(shape("text", { x: LEFT, y: HEIGHT - 2 }, "0"), shape("text", { x: width - 8, y: HEIGHT - 2, "text-anchor": "end" }, length));
    curves.forEach((curve, place) => {
      const count = curve.values.length;
      let pen = "M";
      let path = "";
      curve.values.forEach((value, index) => {
        if (value === null) pen = "M";
        else {
          path += `${pen}${across(index / (count - 1)).toFixed(1)} ${up(value).toFixed(1)}`;
          pen = "L";
        }
      });
      parts.push(shape("path", { class: `curve s${place}`, d: path }));
    });
    at("chart").replaceChildren(...parts);
    at("chart-keys").replaceChildren(...curves.map((curve, place) => element("li", {}, element("i", { class: `s${place}` }), this.layers.title(curve.layer))));
    at("chart-table").replaceChildren(this.table(curves));
  }

  table(curves) {
    const count = curves[0].values.length;
    const places = Array.from({ length: Math.min(ROWS, count) }, (_, row) => Math.round((row * (count - 1)) / (Math.min(ROWS, count) - 1)));
    const head = element("tr", {}, element("th", { scope: "col" }, `Distance, ${this.found.unit}`), ...curves.map((curve) => element("th", { scope: "col" }, this.layers.title(curve.layer))));
    const rows = places.map((place) => element("tr", {},
      element("th", { scope: "row" }, number((this.found.length * place) / (count - 1))),
      ...curves.map((curve) => element("td", {}, number(curve.values[place])))));
    return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  }
}

function shape(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}
