// True values of the files under the pointer, or in the middle of the view.

import { at, attempt, element, number, request, say } from "./page.js";

export class Values {
  constructor(stage, marks, layers) {
    Object.assign(this, { stage, marks, layers, wanted: null, asking: false });
    for (const map of stage.maps) {
      map.on("mousemove", (event) => this.at(stage.plane.point(event.lngLat)));
      map.on("click", (event) => this.at(stage.plane.point(event.lngLat)));
    }
  }

  // The newest place is asked for once the last answer is there.
  async at(point) {
    at("crosshair").hidden = true;
    this.wanted = point;
    if (this.asking) return;
    this.asking = true;
    while (this.wanted) {
      const place = this.wanted;
      this.wanted = null;
      const found = await attempt(() => request(`values?at=${place.map((side) => side.toFixed(3))}`));
      if (found) this.show(place, found);
    }
    this.asking = false;
  }

  async inMiddle() {
    const place = this.stage.middle();
    const found = await attempt(() => request(`values?at=${place.map((side) => side.toFixed(3))}`));
    if (!found) return;
    this.show(place, found);
    at("crosshair").hidden = this.layers.view.mode === "side";
    const words = found.layers.map((one) => `${this.layers.get(one.key).name}: ${one.values.map(number).join(", ")}`);
    say(words.length ? words.join("; ") : "No data in the middle of the view");
  }

  show([x, y], found) {
    this.marks.set("footprint", found.footprint);
    const ground = found.ground ? ` · ${found.ground.map((side) => side.toFixed(2)).join(", ")} (${this.stage.plane.grid})` : "";
    const lr = found.layers.find((one) => this.layers.get(one.key)?.role === "lr");
    const pixel = lr ? ` · LR pixel column ${lr.column}, row ${lr.row}` : "";
    at("place").textContent = `x ${x.toFixed(1)}, y ${y.toFixed(1)}${pixel}${ground}`;
    const rows = found.layers.map((one) => {
      const layer = this.layers.get(one.key);
      return layer && element("tr", {}, element("th", { scope: "row" }, layer.name), ...cells(layer, one.values));
    });
    const body = element("tbody", {}, ...rows);
    at("values").querySelector("tbody")?.remove();
    at("values").append(body);
  }
}

// Up to four bands have a cell each; more stand in one.
function cells(layer, values) {
  const title = layer.bands.map((band) => band.name).join(", ");
  if (values.length > 4) return [element("td", { colspan: 4, title }, values.map(number).join("  "))];
  return values.map((value, place) => element("td", { title: layer.bands[place].name, colspan: place === values.length - 1 ? 5 - values.length : 1 }, number(value)));
}
