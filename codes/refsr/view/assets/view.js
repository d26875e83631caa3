// The state of the view: what is chosen, kept in the address after the sign #, so that a link brings it back.

const NAMES = { mode: "mode", a: "left", b: "right", o: "over", opacity: "opacity", stretch: "stretch", shared: "shared",
  smooth: "smooth", x: "x", y: "y", scale: "scale", divider: "divider" };
const NUMBERS = ["opacity", "x", "y", "scale", "divider"];
const SWITCHES = ["shared", "smooth"];

export class View {
  constructor() {
    this.mode = "swipe";
    this.a = this.b = this.o = "";
    this.opacity = 0.6;
    this.stretch = "auto";
    this.shared = true;
    this.smooth = false;
    this.divider = 0.5;
    this.bands = {}; // key of a layer: numbers of its bands
    this.x = this.y = this.scale = null;
    this.listeners = [];
    this.read();
  }

  onChange(listener) {
    this.listeners.push(listener);
  }

  set(changes) {
    Object.assign(this, changes);
    this.listeners.forEach((listener) => listener(changes));
    this.write();
  }

  read() {
    const given = new URLSearchParams(location.hash.slice(1));
    for (const [name, word] of Object.entries(NAMES)) {
      if (!given.has(word)) continue;
      const text = given.get(word);
      if (SWITCHES.includes(name)) this[name] = text === "1";
      else if (!NUMBERS.includes(name)) this[name] = text;
      else if (Number.isFinite(Number(text)) && text !== "") this[name] = Number(text);
    }
    for (const [word, text] of given) {
      const bands = text.split("-").map(Number);
      if (word.startsWith("bands") && bands.every(Number.isInteger)) this.bands[word.slice(5)] = bands;
    }
  }

  address() {
    const words = new URLSearchParams();
    for (const [name, word] of Object.entries(NAMES)) {
      const value = this[name];
      if (value === null || value === "") continue;
      words.set(word, SWITCHES.includes(name) ? (value ? "1" : "0") : NUMBERS.includes(name) ? +value.toFixed(4) : value);
    }
    for (const [key, bands] of Object.entries(this.bands)) words.set(`bands${key}`, bands.join("-"));
    return `#${words}`;
  }

  // Soon, and once for many changes: browsers limit how often the address may change.
  write() {
    clearTimeout(this.writing);
    this.writing = setTimeout(() => history.replaceState(null, "", this.address()), 250);
  }
}
