"use strict";
// Light, dark or as the system says; remembered where the browser allows it.
(() => {
  const root = document.documentElement;
  const field = document.querySelector(".theme");
  const remembered = () => { try { return localStorage.getItem("refsr-theme"); } catch { return null; } };
  const remember = (value) => { try { localStorage.setItem("refsr-theme", value); } catch { /* A file may have no store. */ } };
  const use = (value) => {
    if (value === "light" || value === "dark") root.dataset.theme = value; else delete root.dataset.theme;
  };
  const before = remembered();
  for (const input of field.querySelectorAll("input")) {
    input.checked = input.value === (before ?? "auto");
    input.addEventListener("change", () => { use(input.value); remember(input.value); });
  }
  if (!field.querySelector("input:checked")) field.querySelector("input").checked = true;
  use(before);
  field.hidden = false;

  // A link into something folded unfolds it; paper shows all that fits on it.
  const unfold = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const folded = target && target.closest("details:not([open])");
    if (folded) { folded.open = true; target.scrollIntoView({ block: "center" }); }
  };
  addEventListener("hashchange", unfold);
  unfold();
  addEventListener("beforeprint", () => document.querySelectorAll("#records ~ details, section:not(#records) details")
    .forEach((one) => { if (!one.querySelector(".tall")) one.open = true; }));
})();
