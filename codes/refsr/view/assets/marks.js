// What is drawn over the maps: LR's pixel under the pointer, the rectangle, the line; and how the latter are drawn.

import { at, say } from "./page.js";

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = { footprint: "polygon", rectangle: "polygon", line: "polyline" };

export class Marks {
  constructor(stage) {
    this.stage = stage;
    this.points = { footprint: [], rectangle: [], line: [] };
    this.drawing = null;
    this.sheets = stage.maps.map((map) => {
      const sheet = document.createElementNS(SVG, "svg");
      sheet.setAttribute("class", "marks");
      sheet.setAttribute("aria-hidden", "true");
      const shapes = {};
      for (const [name, kind] of Object.entries(SHAPES)) {
        shapes[name] = document.createElementNS(SVG, kind);
        shapes[name].setAttribute("class", name);
        shapes[name].setAttribute("fill", "none");
        sheet.append(shapes[name]);
      }
      map.getContainer().append(sheet);
      map.on("move", () => this.place(map, shapes));
      map.on("resize", () => this.place(map, shapes));
      this.listen(map);
      return [map, shapes];
    });
  }

  // Shows points of the plane as a mark; none hide it.
  set(name, points) {
    this.points[name] = points ?? [];
    this.sheets.forEach(([map, shapes]) => this.place(map, shapes));
  }

  place(map, shapes) {
    for (const [name, points] of Object.entries(this.points)) {
      const shown = points.map(([x, y]) => {
        const found = map.project(this.stage.plane.lngLat(x, y));
        return `${found.x.toFixed(1)},${found.y.toFixed(1)}`;
      });
      shapes[name].setAttribute("points", shown.join(" "));
    }
  }

  // Lets a person draw between two points; `done` gets both, `preview` each step. Enter does `instead`.
  draw(hint, preview, done, instead) {
    this.stop();
    this.drawing = { preview, done, instead, from: null };
    at("maps").classList.add("drawing");
    at("hint").textContent = hint;
    at("hint").hidden = false;
    say(hint);
  }

  stop() {
    this.drawing = null;
    at("maps").classList.remove("drawing");
    at("hint").hidden = true;
  }

  listen(map) {
    const begin = (event) => {
      if (!this.drawing || event.points?.length > 1) return;
      event.preventDefault();
      this.drawing.from = this.stage.plane.point(event.lngLat);
    };
    const move = (event) => {
      if (!this.drawing?.from) return;
      this.drawing.preview(this.drawing.from, this.stage.plane.point(event.lngLat));
    };
    const end = (event) => {
      if (!this.drawing?.from) return;
      const { from, done } = this.drawing;
      this.stop();
      done(from, this.stage.plane.point(event.lngLat));
    };
    for (const [names, listener] of [[["mousedown", "touchstart"], begin], [["mousemove", "touchmove"], move], [["mouseup", "touchend"], end]]) {
      for (const name of names) map.on(name, listener);
    }
  }
}
