// Which layers are shown, with which bands and stretch, and the legends of those in colours.

import { at, element, number, options, say } from "./page.js";

const SIDES = { a: "Left", b: "Right", o: "Over both" };
const STRETCHES = [
  ["auto", "Automatic: 8 bits as stored, else 2–98 %"],
  ["0-100", "Least to largest value"],
  ["0.5-99.5", "0.5–99.5 %"],
  ["1-99", "1–99 %"],
  ["2-98", "2–98 %"],
  ["5-95", "5–95 %"],
];
const ROLES = { sr: "restored", lr: "LR", ref: "reference", evidence: "evidence", other: "" };
const WHOLE = { uint8: [0, 255] };

export class Layers {
  constructor(scene, stage, view) {
    this.stage = stage;
    this.view = view;
    this.use(scene);
    for (const side of Object.keys(SIDES)) {
      at(`layer-${side}`).addEventListener("change", (event) => this.choose(side, event.target.value));
    }
    at("swap").addEventListener("click", () => this.swap());
    at("opacity").addEventListener("input", (event) => this.setOpacity(event.target.value / 100));
    at("stretch").addEventListener("change", (event) => this.look({ stretch: event.target.value }, "Stretch changed"));
    at("shared").addEventListener("change", (event) =>
      this.look({ shared: event.target.checked }, event.target.checked ? "One stretch for all layers" : "Each layer has its own stretch"));
    at("smooth").addEventListener("change", (event) =>
      this.look({ smooth: event.target.checked }, event.target.checked ? "Large pixels are interpolated" : "Pixels are shown as they are"));
    at("bands-of").addEventListener("change", () => this.showBands());
  }

  // Takes the layers of a scene; those that were chosen stay where they are still there.
  use(scene) {
    this.percentiles = scene.percentiles;
    this.all = scene.layers;
    const pictures = this.all.filter((layer) => !layer.legend);
    const of = (role) => pictures.find((layer) => layer.role === role);
    const first = of("lr") ?? pictures[0] ?? this.all[0];
    const second = of("sr") ?? pictures.find((layer) => layer !== first) ?? first;
    const known = (key, otherwise) => (this.get(key) ? key : otherwise);
    Object.assign(this.view, { a: known(this.view.a, first.key), b: known(this.view.b, second.key), o: known(this.view.o, "") });
  }

  get(key) {
    return this.all.find((layer) => layer.key === key);
  }

  // The layers in view: left, right and, where there is one, that over both.
  get visible() {
    return [...new Set([this.view.a, this.view.b, this.view.o])].map((key) => this.get(key)).filter(Boolean);
  }

  title(layer) {
    const role = ROLES[layer.role];
    return role && !layer.name.includes(role) ? `${layer.name} (${role})` : layer.name;
  }

  choose(side, key) {
    this.view.set({ [side]: key });
    this.draw();
    const chosen = this.get(key);
    say(chosen ? `${SIDES[side]}: ${this.title(chosen)}` : "Nothing lies over both");
  }

  swap() {
    this.view.set({ a: this.view.b, b: this.view.a });
    this.draw();
    say(`Left: ${this.title(this.get(this.view.a))}; right: ${this.title(this.get(this.view.b))}`);
  }

  setOpacity(value) {
    this.view.set({ opacity: value });
    this.stage.opacity(value);
    at("opacity-value").textContent = `${Math.round(value * 100)} %`;
    say(this.view.o ? `Opacity ${Math.round(value * 100)} %` : "Opacity counts once a layer lies over both");
  }

  look(change, words) {
    this.view.set(change);
    this.draw();
    say(words);
  }

  draw() {
    const entries = this.all.map((layer) => [layer.key, this.title(layer)]);
    for (const side of ["a", "b"]) {
      const layer = this.get(this.view[side]);
      options(at(`layer-${side}`), entries, layer.key);
      at(`tag-${side}`).textContent = this.title(layer);
      at(`about-${side}`).textContent = described(layer);
      this.show(side === "a" ? 0 : 1, "base", layer, 1);
    }
    options(at("layer-o"), [["", "nothing"], ...entries], this.view.o);
    for (const side of [0, 1]) this.show(side, "over", this.get(this.view.o), this.view.opacity);
    at("opacity").value = Math.round(this.view.opacity * 100);
    at("opacity").disabled = !this.view.o;
    at("opacity-value").textContent = `${Math.round(this.view.opacity * 100)} %`;
    const known = STRETCHES.some(([value]) => value === this.view.stretch);
    options(at("stretch"), STRETCHES, known ? this.view.stretch : "auto");
    at("shared").checked = this.view.shared;
    at("smooth").checked = this.view.smooth;
    at("legends").replaceChildren(...this.visible.filter((layer) => layer.legend).map(legend));
    const pictures = this.visible.filter((layer) => !layer.legend);
    const kept = pictures.find((layer) => layer.key === at("bands-of").value) ?? pictures[0];
    options(at("bands-of"), pictures.map((layer) => [layer.key, this.title(layer)]), kept?.key ?? "");
    this.showBands();
  }

  show(side, name, layer, opacity) {
    this.stage.show(side, name, layer && this.address(layer), layer?.bounds, { opacity, smooth: this.view.smooth });
  }

  address(layer) {
    const bands = this.bands(layer);
    const range = bands.flatMap((band, place) => this.range(layer, band, place)).map((value) => Number(value.toPrecision(9)));
    const smooth = this.view.smooth ? "&smooth=1" : "";
    return `${location.origin}/api/tiles/${layer.key}/{z}/{x}/{y}?bands=${bands}&range=${range}${smooth}&of=${this.scene}`;
  }

  bands(layer) {
    const chosen = this.view.bands[layer.key];
    const known = layer.bands.map((band) => band.number);
    return chosen && [1, 3].includes(chosen.length) && chosen.every((band) => known.includes(band)) ? chosen : layer.shown;
  }

  // The values that are black and white of a band: by its own values, or by those of the first layer of its type.
  range(layer, band, place) {
    if (layer.legend) return [layer.legend.low, layer.legend.high];
    if (this.view.stretch === "auto" && WHOLE[layer.type]) return WHOLE[layer.type];
    const [low, high] = (this.view.stretch === "auto" ? "2-98" : this.view.stretch).split("-").map(Number);
    const likes = this.all.filter((other) => !other.legend && other.type === layer.type);
    const model = this.view.shared ? (likes.find((other) => other.role === "lr") ?? likes[0]) : layer;
    const source = model === layer ? band : (model.shown[place] ?? model.shown[0]);
    const index = model.bands.findIndex((one) => one.number === source);
    const values = model.quantiles[Math.max(0, index)];
    return [values[nearest(this.percentiles, low)], values[nearest(this.percentiles, high)]];
  }

  showBands() {
    const layer = this.get(at("bands-of").value);
    const box = at("bands");
    if (!layer) {
      box.replaceChildren();
      return;
    }
    const bands = this.bands(layer);
    const names = bands.length === 1 ? ["Grey"] : ["Red", "Green", "Blue"];
    box.replaceChildren(...names.map((name, place) => {
      const select = element("select", { id: `band-${place}` });
      options(select, layer.bands.map((band) => [String(band.number), `${band.number}: ${band.name}`]), String(bands[place]));
      select.addEventListener("change", () => {
        const chosen = [...bands];
        chosen[place] = Number(select.value);
        this.look({ bands: { ...this.view.bands, [layer.key]: chosen } }, `${name} of ${layer.name}: band ${select.value}`);
      });
      return element("label", {}, name, select);
    }));
  }
}

function described(layer) {
  const size = `${layer.width} × ${layer.height}, ${layer.bands.length === 1 ? "1 band" : `${layer.bands.length} bands`}, ${layer.type}`;
  return [layer.name, size, layer.grid, layer.note].filter(Boolean).join(" · ");
}

function legend(layer) {
  const ramp = element("div", { class: "ramp", role: "img", "aria-label": `Colours from ${layer.legend.low} to ${number(layer.legend.high)}` });
  ramp.style.background = `linear-gradient(90deg, ${layer.legend.colours.join(", ")})`;
  const ends = element("div", { class: "ends" }, element("span", {}, number(layer.legend.low)), element("span", {}, number(layer.legend.high)));
  return element("div", { class: "legend" }, `${layer.legend.title}: ${layer.legend.about || layer.name}`, ramp, ends);
}

function nearest(list, value) {
  return list.reduce((best, one, place) => (Math.abs(one - value) < Math.abs(list[best] - value) ? place : best), 0);
}
