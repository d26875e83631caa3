// A rectangle, restored now: how, with which reference, and what came of it.

import { at, attempt, element, options, request, say } from "./page.js";

const PERCENT = { borrowed: "Detail that the reference brought", coverage: "Weight of the reference", change: "Ground estimated as changed" };
const EVERY = 400; // milliseconds between two looks at the work

export class Restoring {
  constructor(stage, marks, layers, refresh) {
    Object.assign(this, { stage, marks, layers, refresh, rectangle: null });
    this.form = at("how").elements;
    at("draw").addEventListener("click", () => this.draw());
    at("in-view").addEventListener("click", () => this.takeView());
    at("cancel").addEventListener("click", () => this.cancel());
    at("how").addEventListener("submit", (event) => {
      event.preventDefault();
      this.begin();
    });
    this.form.treatment.addEventListener("change", () => this.explain());
    this.form.strength.addEventListener("input", () => {
      at("strength-value").textContent = this.form.strength.value;
      say(`Strength of the reference: ${this.form.strength.value}`);
    });
    for (const name of ["model", "reference", "register"]) {
      this.form[name].addEventListener("change", () => say(`${name}: ${this.form[name].selectedOptions[0].text}`));
    }
  }

  use(scene) {
    this.lr = scene.layers.find((layer) => layer.role === "lr");
    const refs = scene.layers.filter((layer) => !layer.legend && layer.role !== "lr" && !layer.removable);
    const first = refs.find((layer) => layer.role === "ref") ?? refs[0];
    options(this.form.model, scene.models.map((name) => [name, name]), this.form.model.value || scene.model);
    const entries = refs.map((layer) => [layer.key, this.layers.title(layer)]);
    options(this.form.reference, entries.length ? entries : [["", "none"]], first?.key ?? "");
    if (!refs.length) this.form.treatment.value = "away";
    at("restoring").querySelectorAll("button, select, input").forEach((control) => (control.disabled = !this.lr));
    at("restore").disabled = !this.rectangle;
    if (!this.lr) at("chosen").textContent = "No layer is LR: refsr view SR.tif --lr LR.tif --ref REF.tif";
  }

  // Forgets what belongs to another scene; a small LR is taken whole.
  reset() {
    this.marks.set("rectangle", null);
    this.rectangle = null;
    at("results").replaceChildren();
    at("restore-error").hidden = true;
    at("chosen").textContent = "No rectangle yet.";
    if (this.lr && this.lr.width * this.lr.height <= 128 * 128) this.take(this.lr.bounds);
    else at("restore").disabled = true;
  }

  explain() {
    const treatment = this.form.treatment.value;
    at("move").hidden = treatment !== "moved";
    this.form.reference.disabled = treatment === "away";
    say(`The reference is ${this.form.treatment.selectedOptions[0].text}`);
  }

  draw() {
    const preview = (from, to) => this.marks.set("rectangle", corners(box(from, to)));
    const hint = "Drag a rectangle over the map. Enter takes what is in view, Escape ends it.";
    this.marks.draw(hint, preview, (from, to) => this.take(box(from, to)), () => this.takeView());
  }

  takeView() {
    this.marks.stop();
    const view = this.stage.inView();
    const [left, top, right, bottom] = this.lr.bounds;
    this.take([Math.max(view[0], left), Math.max(view[1], top), Math.min(view[2], right), Math.min(view[3], bottom)]);
  }

  take(rectangle) {
    this.rectangle = rectangle;
    this.marks.set("rectangle", corners(rectangle));
    const [left, top, right, bottom] = this.lr.bounds;
    const columns = Math.round(((rectangle[2] - rectangle[0]) * this.lr.width) / (right - left));
    const rows = Math.round(((rectangle[3] - rectangle[1]) * this.lr.height) / (bottom - top));
    at("chosen").textContent = `About ${Math.max(0, columns)} × ${Math.max(0, rows)} pixels of LR.`;
    at("restore").disabled = false;
    say(`Rectangle: ${at("chosen").textContent} Press Restore.`);
  }

  async begin() {
    at("restore-error").hidden = true;
    const asked = {
      rectangle: this.rectangle,
      model: this.form.model.value,
      reference: this.form.reference.value || null,
      treatment: this.form.treatment.value,
      move: [this.form.right.valueAsNumber || 0, this.form.down.valueAsNumber || 0],
      strength: this.form.strength.valueAsNumber,
      register: this.form.register.value,
    };
    this.words = `${asked.model}, ${asked.reference && asked.treatment !== "away" ? `reference ${this.form.treatment.selectedOptions[0].text}` : "without a reference"}`;
    try {
      await request("work", "POST", asked);
    } catch (error) {
      this.fail(error.message);
      return;
    }
    say("Restoring the rectangle");
    this.watch();
  }

  async cancel() {
    say("Cancelling");
    await attempt(() => request("work", "DELETE"));
  }

  // Follows the work until it ends; also that which was begun before the page was loaded.
  async watch() {
    for (;;) {
      const work = await attempt(() => request("work"));
      if (!work || work.state === "none") return;
      const running = work.state === "running";
      at("progress").hidden = !running;
      if (running) exchange(at("restore"), at("cancel"));
      else exchange(at("cancel"), at("restore"));
      if (!running) {
        await this.end(work);
        return;
      }
      if (work.total > 1) Object.assign(at("bar"), { max: work.total, value: work.done });
      else at("bar").removeAttribute("value");
      at("step").textContent = `${work.step}${work.total > 1 ? ` ${work.done}/${work.total}` : ""}, ${work.seconds.toFixed(0)} s`;
      await new Promise((done) => setTimeout(done, EVERY));
    }
  }

  async end(work) {
    if (work.state === "cancelled") say(`Cancelled after ${work.seconds.toFixed(1)} s`);
    else if (work.state === "failed") this.fail(work.error);
    else {
      await this.refresh();
      at("results").prepend(this.result(work));
      this.showResult(work);
      // Last: what is said of the layers moves it.
      at("results").firstElementChild.scrollIntoView({ block: "nearest" });
      say(`Restored in ${work.seconds.toFixed(1)} s: ${figures(work)[0]?.join(" ") ?? ""}`);
    }
  }

  fail(reason) {
    at("restore-error").textContent = reason;
    at("restore-error").hidden = false;
    say(reason, true);
  }

  showResult(work) {
    if (this.layers.get(work.layers[0])) this.layers.choose("b", work.layers[0]);
  }

  result(work) {
    const title = this.layers.get(work.layers[0])?.name ?? `${work.number}: ${this.words}`;
    const evidence = work.layers.map((key) => this.layers.get(key)).filter((layer) => layer?.legend);
    const over = evidence.map((layer) => element("button", { type: "button", onclick: () => this.layers.choose("o", layer.key) }, layer.legend.title));
    const item = element("li", {},
      element("h3", {}, title),
      element("dl", {}, element("dt", {}, "Time"), element("dd", {}, `${work.seconds.toFixed(1)} s`),
        ...figures(work).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])),
      element("div", { class: "buttons" },
        element("button", { type: "button", onclick: () => this.showResult(work) }, "Show right"),
        ...over,
        element("button", { type: "button", onclick: () => this.remove(work, item) }, "Remove")),
      element("details", {}, element("summary", {}, "What was found"), element("ul", {}, ...work.lines.map((line) => element("li", {}, line)))));
    return item;
  }

  async remove(work, item) {
    const there = work.layers.filter((key) => this.layers.get(key));
    const removed = await attempt(() => Promise.all(there.map((key) => request(`layers/${key}`, "DELETE"))));
    if (!removed) return;
    item.remove();
    await this.refresh();
    say(`Result ${work.number} is removed`);
  }
}

function figures(work) {
  const found = Object.entries(PERCENT).filter(([name]) => name in work.figures).map(([name, words]) => [words, `${(100 * work.figures[name]).toFixed(1)} %`]);
  if ("uncertainty" in work.figures) found.push(["Half the width of the 90 % interval, mean", work.figures.uncertainty.toPrecision(3)]);
  return found;
}

// Shows a button in place of another, and gives it the keyboard's focus where the other one has it.
function exchange(gone, shown) {
  const focused = document.activeElement === gone;
  shown.hidden = false;
  if (focused) shown.focus({ preventScroll: true });
  gone.hidden = true;
}

function box([x0, y0], [x1, y1]) {
  return [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
}

function corners([left, top, right, bottom]) {
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
}
