// Examples: a before/after slider, and a common zoom for all pictures of an example.
(() => {
  const MOST_ZOOM = 16;
  const within = (value, low, high) => Math.min(Math.max(value, low), high);

  document.querySelectorAll(".hint").forEach((one) => { one.hidden = false; });
  for (const root of document.querySelectorAll(".example")) {
    const tiles = [...root.querySelectorAll(".tile")];
    const view = { zoom: 1, x: 0, y: 0 };
    const output = root.querySelector(".zoom output");
    const lay = () => {
      view.zoom = within(view.zoom, 1, MOST_ZOOM);
      view.x = within(view.x, 0, 1 - 1 / view.zoom);
      view.y = within(view.y, 0, 1 - 1 / view.zoom);
      for (const key of ["zoom", "x", "y"]) root.style.setProperty(`--${key}`, view[key]);
      root.classList.toggle("zoomed", view.zoom > 1);
      if (output) output.textContent = `${Number(view.zoom.toFixed(1))}\u00d7`;
    };
    // Keeps what is at the fractions (u, v) of a frame where it is.
    const zoomTo = (zoom, u = 0.5, v = 0.5) => {
      const next = within(zoom, 1, MOST_ZOOM);
      view.x += u / view.zoom - u / next;
      view.y += v / view.zoom - v / next;
      view.zoom = next;
      lay();
    };
    const move = (dx, dy) => { view.x += dx / view.zoom; view.y += dy / view.zoom; lay(); };
    const at = (event, frame) => {
      const box = frame.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, box];
    };

    const stage = root.querySelector(".stage");
    const divider = stage && stage.querySelector(".divider");
    let split = 50;
    const divide = (value) => {
      split = within(value, 0, 100);
      stage.style.setProperty("--at", `${split}%`);
      const shown = Math.round(split);
      divider.setAttribute("aria-valuenow", shown);
      divider.setAttribute("aria-valuetext", `${shown} % ${stage.dataset.left}, ${100 - shown} % ${stage.dataset.right}`);
    };
    if (stage) furnish();

    function furnish() {
      const frame = stage.querySelector(".frame");
      const before = document.createElement("img");
      const after = document.createElement("img");
      const clip = document.createElement("div");
      clip.className = "before-clip";
      clip.append(before);
      frame.prepend(after, clip);
      const sides = { left: before, right: after };
      const pick = (side) => {
        const tile = tiles[stage.querySelector(`select[data-side=${side}]`).value];
        const from = tile.querySelector("img");
        sides[side].src = from.src;
        sides[side].alt = from.alt;
        sides[side].draggable = false;
        sides[side].classList.toggle("blocks", tile.dataset.role === "lr");
        stage.dataset[side] = tile.dataset.label;
        stage.querySelector(`.mark.${side}`).textContent = tile.querySelector("figcaption").firstChild.textContent;
        divide(split);
      };
      const exchange = () => {
        const [left, right] = ["left", "right"].map((side) => stage.querySelector(`select[data-side=${side}]`));
        [left.value, right.value] = [right.value, left.value];
        pick("left");
        pick("right");
      };
      const layers = stage.querySelector(".layers");
      const overlay = Object.assign(document.createElement("img"), { className: "layer", alt: "", draggable: false });
      const cover = () => {
        overlay.remove();
        if (layers.value === "") return;
        overlay.src = tiles[layers.value].querySelector("img").src;
        clip.after(overlay);
      };
      if (layers) layers.addEventListener("change", cover);
      for (const side of ["left", "right"]) {
        pick(side);
        stage.querySelector(`select[data-side=${side}]`).addEventListener("change", () => pick(side));
      }
      stage.querySelector(".exchange").addEventListener("click", exchange);
      for (const button of stage.querySelectorAll("[data-zoom]")) {
        const factor = { in: 2, out: 0.5, fit: 0 }[button.dataset.zoom];
        button.addEventListener("click", () => zoomTo(factor ? view.zoom * factor : 1));
      }
      divider.addEventListener("keydown", (event) => {
        const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
        const ends = { Home: 0, End: 100 };
        if (event.shiftKey && event.key.startsWith("Arrow") || !(event.key in steps || event.key in ends)) return;
        event.preventDefault();
        divide(event.key in ends ? ends[event.key] : split + steps[event.key]);
      });
      stage.addEventListener("keydown", (event) => {
        if (event.target.matches("select") || event.ctrlKey || event.metaKey || event.altKey) return;
        const pans = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
        if (event.key === "+" || event.key === "=") zoomTo(view.zoom * 2);
        else if (event.key === "-") zoomTo(view.zoom / 2);
        else if (event.key === "0") zoomTo(1);
        else if (event.key === "x") exchange();
        else if (event.key === "l" && layers) {
          layers.selectedIndex = (layers.selectedIndex + 1) % layers.options.length;
          cover();
        }
        else if (event.shiftKey && event.key in pans) { event.preventDefault(); move(...pans[event.key]); }
      });
      stage.hidden = false;
      divide(50);
    }

    for (const frame of root.querySelectorAll(".frame")) {
      const onStage = stage && stage.contains(frame);
      const pointers = new Map();
      let dragging = "";
      let spread = 0;
      const apart = () => { const [a, b] = [...pointers.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]); };
      frame.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        const [u] = at(event, frame);
        pointers.set(event.pointerId, [event.clientX, event.clientY]);
        if (pointers.size === 2) { dragging = "pinch"; spread = apart(); return; }
        const onDivider = divider && divider.contains(event.target);
        dragging = onStage && (onDivider || view.zoom === 1) ? "divide" : view.zoom > 1 ? "pan" : "";
        if (!dragging) return;
        if (event.pointerType === "mouse") event.preventDefault();
        frame.setPointerCapture(event.pointerId);
        if (onStage) divider.focus({ preventScroll: true, focusVisible: false });
        if (dragging === "divide") divide(u * 100);
      });
      frame.addEventListener("pointermove", (event) => {
        const from = pointers.get(event.pointerId);
        if (!from) return;
        const [u, , box] = at(event, frame);
        pointers.set(event.pointerId, [event.clientX, event.clientY]);
        if (dragging === "divide") divide(u * 100);
        else if (dragging === "pan") move((from[0] - event.clientX) / box.width, (from[1] - event.clientY) / box.height);
        else if (dragging === "pinch" && pointers.size === 2) {
          const now = apart();
          const [a, b] = [...pointers.values()];
          zoomTo(view.zoom * now / (spread || now), ((a[0] + b[0]) / 2 - box.left) / box.width,
            ((a[1] + b[1]) / 2 - box.top) / box.height);
          spread = now;
        }
      });
      const release = (event) => { pointers.delete(event.pointerId); if (!pointers.size) dragging = ""; };
      frame.addEventListener("pointerup", release);
      frame.addEventListener("pointercancel", release);
      frame.addEventListener("dblclick", (event) => {
        const [u, v] = at(event, frame);
        zoomTo(view.zoom > 1 ? 1 : 4, u, v);
      });
      // The wheel scrolls the page unless Ctrl is held or the example is in use.
      frame.addEventListener("wheel", (event) => {
        if (!event.ctrlKey && !event.metaKey && !(stage && stage.contains(document.activeElement))) return;
        const factor = Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002));
        if (factor < 1 && view.zoom === 1 && !event.ctrlKey) return;
        event.preventDefault();
        const [u, v] = at(event, frame);
        zoomTo(view.zoom * factor, u, v);
      }, { passive: false });
    }
    lay();
  }
})();
