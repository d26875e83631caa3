// The keyboard: everything that the pointer does.

import { at, element, say } from "./page.js";

const STEP = 80; // screen pixels

export function keys({ stage, layers, values, profile, restoring, marks, view }) {
  const list = [
    ["Arrows", ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"], "move the maps", (key) => stage.pan(...{ ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[key])],
    ["+ −", ["+", "=", "-", "−"], "zoom", (key) => stage.zoom(key === "+" || key === "=" ? 0.5 : -0.5)],
    ["0", ["0"], "show all of it", () => at("fit").click()],
    ["[ ]", ["[", "]"], "move the divider", (key) => divide(key === "[" ? -0.05 : 0.05)],
    ["x", ["x"], "swap left and right", () => layers.swap()],
    ["m", ["m"], "swipe or side by side", () => document.querySelector(`input[value=${view.mode === "side" ? "swipe" : "side"}]`).click()],
    ["l", ["l"], "next layer on the right", () => next()],
    ["v", ["v"], "values in the middle of the view", () => values.inMiddle()],
    ["p", ["p"], "draw a profile; Enter takes the middle row", () => profile.draw()],
    ["r", ["r"], "draw a rectangle; Enter takes what is in view", () => restoring.lr && restoring.draw()],
    ["Escape", ["Escape"], "end drawing", () => marks.stop()],
    ["?", ["?"], "this list", () => at("help").click()],
  ];
  at("key-list").replaceChildren(...list.flatMap(([shown, , words]) => [element("dt", {}, shown), element("dd", {}, words)]));
  at("help").addEventListener("click", () => at("keys").showModal());
  at("keys-close").addEventListener("click", () => at("keys").close());

  function divide(step) {
    if (view.mode === "side") {
      say("Side by side has no divider");
      return;
    }
    stage.moveDivider(step);
    say(`Divider at ${Math.round(100 * view.divider)} %`);
  }

  function next() {
    const place = layers.all.findIndex((layer) => layer.key === view.b);
    layers.choose("b", layers.all[(place + 1) % layers.all.length].key);
  }

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Enter" && marks.drawing) {
      event.preventDefault();
      marks.drawing.instead();
      return;
    }
    if (event.target.closest("input:not([type=radio]):not([type=checkbox]), select, textarea, [role=slider]")) return;
    if (event.target.matches("input[type=radio]") && event.key.startsWith("Arrow")) return;
    const found = list.find(([, names]) => names.includes(event.key));
    if (!found) return;
    event.preventDefault();
    found[3](event.key);
  });
}
