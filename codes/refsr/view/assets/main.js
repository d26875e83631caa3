// Puts the page together.

import { keys } from "./keys.js";
import { Layers } from "./layers.js";
import { Marks } from "./marks.js";
import { at, request, say } from "./page.js";
import { Pair } from "./pair.js";
import { Plane } from "./plane.js";
import { Profile } from "./profile.js";
import { Restoring } from "./restore.js";
import { Stage } from "./stage.js";
import { Values } from "./values.js";
import { View } from "./view.js";

const THEME = "refsr-view-theme";
const OPENED = "refsr-view-opened"; // what was opened when the page began anew

function theme() {
  const chosen = localStorage.getItem(THEME) ?? "";
  const use = (name) => {
    document.documentElement.toggleAttribute("data-theme", Boolean(name));
    if (name) document.documentElement.dataset.theme = name;
  };
  use(chosen);
  at("theme").value = chosen;
  at("theme").addEventListener("change", (event) => {
    localStorage.setItem(THEME, event.target.value);
    use(event.target.value);
    say(event.target.selectedOptions[0].text);
  });
}

// What the first view shows: LR where there is one, else all.
function shownFirst(scene) {
  const lr = scene.layers.find((layer) => layer.role === "lr") ?? scene.layers[0];
  return lr.bounds;
}

async function start() {
  theme();
  const scene = await request("scene");
  const view = new View();
  const stage = new Stage(new Plane(scene.plane), shownFirst(scene), view);
  const layers = new Layers(scene, stage, view);
  layers.scene = scene.id;
  name(scene);
  await stage.ready();
  layers.draw();
  const marks = new Marks(stage);
  const values = new Values(stage, marks, layers);
  const profile = new Profile(stage, marks, layers);
  const restoring = new Restoring(stage, marks, layers, async () => {
    const now = await request("scene");
    layers.use(now);
    layers.draw();
  });
  restoring.use(scene);
  restoring.reset();
  // Another scene has another plane: the page begins anew, with what belongs to the old one left out of the address.
  new Pair((words) => {
    sessionStorage.setItem(OPENED, words);
    history.replaceState(null, "", location.pathname);
    location.reload();
  });
  keys({ stage, layers, values, profile, restoring, marks, view });
  for (const radio of document.querySelectorAll("input[name=mode]")) {
    radio.checked = radio.value === view.mode;
    radio.addEventListener("change", () => {
      view.set({ mode: radio.value });
      stage.arrange();
      say(radio.value === "side" ? "Side by side" : "Swipe: drag the divider");
    });
  }
  at("fit").addEventListener("click", () => {
    stage.fit();
    say("All of it is shown");
  });
  at("link").addEventListener("click", async () => {
    const address = location.origin + location.pathname + view.address();
    history.replaceState(null, "", view.address());
    try {
      await navigator.clipboard.writeText(address);
      say("The address of this view is copied; it works in this browser while refsr view runs");
    } catch {
      say(`The address of this view: ${address}`);
    }
  });
  greet(scene);
  document.documentElement.dataset.ready = "yes";
  restoring.watch();
}

// After images were opened, restoring is what comes next.
function greet(scene) {
  const opened = sessionStorage.getItem(OPENED);
  sessionStorage.removeItem(OPENED);
  if (!opened) {
    say(`${scene.layers.length} layers. Drag the divider; press ? for the keys.`);
    return;
  }
  const taken = !at("restore").disabled;
  at(taken ? "restore" : "draw").focus();
  say(`${opened} ${taken ? "Press" : "Draw a rectangle and press"} Restore to see what the network makes of it.`);
}

function name(scene) {
  at("scene-name").textContent = scene.name;
  document.title = `${scene.name} · refsr view`;
}

start().catch((error) => say(error.message, true));
