// A pair of images: chosen in a dialog, or dropped on the page.

import { at, attempt, request, say } from "./page.js";

const LIKE_LR = /(^|[^a-z])lr([^a-z]|$)|low/i;
const LIKE_REF = /(^|[^a-z])ref([^a-z]|$)|reference/i;

export class Pair {
  constructor(show) {
    this.show = show;
    at("open").addEventListener("click", () => this.open());
    at("pair-close").addEventListener("click", () => this.close());
    at("pair-open").addEventListener("click", () => this.send());
    at("pair-swap").addEventListener("click", () => this.swap());
    at("example").addEventListener("click", () => this.example());
    addEventListener("dragover", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      at("dropping").hidden = false;
    });
    addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) at("dropping").hidden = true;
    });
    addEventListener("drop", (event) => {
      event.preventDefault();
      at("dropping").hidden = true;
      this.dropped([...(event.dataTransfer?.files ?? [])]);
    });
  }

  open() {
    this.fail("");
    at("pair").showModal();
    say("Choose LR and its reference");
  }

  close() {
    at("pair").close();
    say("No images were opened");
  }

  // The roles of two files by their names, else by their sizes: the smaller one is LR. The dialog shows the choice.
  dropped(files) {
    if (!files.length) return;
    if (files.length > 2) {
      say(`${files.length} files were dropped; expected LR and its reference`, true);
      return;
    }
    let [lr, ref] = [...files].sort((one, two) => one.size - two.size);
    if (ref && (LIKE_REF.test(lr.name) || LIKE_LR.test(ref.name))) [lr, ref] = [ref, lr];
    put("file-lr", lr);
    put("file-ref", ref);
    if (!at("pair").open) this.open();
    at(ref ? "pair-open" : "file-ref").focus();
    say(ref ? `LR: ${lr.name}; reference: ${ref.name}` : `LR: ${lr.name}`);
  }

  swap() {
    const [lr, ref] = ["lr", "ref"].map((role) => at(`file-${role}`).files[0]);
    put("file-lr", ref);
    put("file-ref", lr);
    say("LR and the reference are swapped");
  }

  async send() {
    const files = ["lr", "ref"].map((role) => [role, at(`file-${role}`).files[0]]).filter(([, file]) => file);
    if (!files.some(([role]) => role === "lr")) {
      this.fail("Choose an image as LR");
      return;
    }
    try {
      for (const [role, file] of files) {
        say(`Reading ${file.name}`);
        await request(`uploads/${role}?name=${encodeURIComponent(file.name)}`, "PUT", file);
      }
      await request("pair", "POST");
      at("pair").close();
      this.show("Opened.");
    } catch (error) {
      this.fail(error.message);
    }
  }

  async example() {
    if (!(await attempt(() => request("example", "POST")))) return;
    at("pair").close();
    this.show("The synthetic example is shown.");
  }

  fail(reason) {
    at("pair-error").textContent = reason;
    at("pair-error").hidden = !reason;
    if (reason) say(reason, true);
  }
}

function put(id, file) {
  const list = new DataTransfer();
  if (file) list.items.add(file);
  at(id).files = list.files;
}
