// Tooltips of charts: the nearest logged step of every line, or the image of a dot.
(() => {
  const tip = document.getElementById("tip");
  const draw = (name, attributes, parent) => {
    const element = document.createElementNS(parent.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    parent.append(element);
    return element;
  };
  const line = (text, bold) => {
    const element = document.createElement("span");
    if (bold) { const strong = document.createElement("b"); strong.textContent = text; element.append(strong); }
    else element.textContent = text;
    return element;
  };
  const show = (x, y, lines) => {
    tip.replaceChildren(...lines);
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = x + 16 + box.width > innerWidth ? x - 16 - box.width : x + 16;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, Math.min(y - box.height / 2, innerHeight - box.height - 4))}px`;
  };
  const hide = () => { tip.hidden = true; };
  const formatted = (value) => Math.abs(value) >= 1e-3 && Math.abs(value) < 1e6 || value === 0
    ? String(Number(value.toPrecision(5))) : value.toExponential(3);

  for (const svg of document.querySelectorAll("svg[data-lines]")) {
    const lines = JSON.parse(svg.dataset.lines);
    const cursor = svg.querySelector(".cursor");
    const steps = [...new Set(lines.flatMap((one) => one.points.map((point) => point[2])))].sort((a, b) => a - b);
    let place = -1;
    const nearest = (points, x) => points.reduce((a, b) => Math.abs(b[2] - x) < Math.abs(a[2] - x) ? b : a);
    const point = (x) => {
      const found = lines.map((one) => [one, nearest(one.points, x)]);
      const closest = nearest(found.map((entry) => entry[1]), x);
      cursor.replaceChildren();
      draw("path", { d: `M${closest[2]} ${svg.dataset.top}V${svg.dataset.bottom}` }, cursor);
      for (const [one, at] of found) draw("circle", { cx: at[2], cy: at[3], r: 4, class: one.series }, cursor);
      const box = svg.getBoundingClientRect();
      const scale = box.width / svg.viewBox.baseVal.width;
      const unit = svg.dataset.unit ? ` ${svg.dataset.unit}` : "";
      const text = found.map(([one, at]) => {
        const step = at[0] === closest[0] ? "" : ` (at ${at[0]})`;
        return line(lines.length > 1 ? `${one.name}: ${formatted(at[1])}${unit}${step}` : formatted(at[1]) + unit);
      });
      show(box.left + closest[2] * scale, box.top + box.height / 3, [line(`${svg.dataset.across} ${closest[0]}`, true), ...text]);
      place = steps.indexOf(closest[2]);
    };
    const leave = () => { cursor.replaceChildren(); hide(); };
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      point((event.clientX - box.left) / box.width * svg.viewBox.baseVal.width);
    });
    svg.addEventListener("pointerleave", leave);
    svg.addEventListener("blur", leave);
    svg.addEventListener("keydown", (event) => {
      const last = steps.length - 1;
      const moves = { ArrowLeft: Math.max(0, place - 1), ArrowRight: Math.min(last, place + 1), Home: 0, End: last };
      if (event.key === "Escape") leave();
      if (!(event.key in moves)) return;
      event.preventDefault();
      point(steps[moves[event.key]]);
    });
  }

  for (const swarm of document.querySelectorAll("svg.swarm")) {
    const group = swarm.closest(".charts");
    const dots = (image) => [...group.querySelectorAll(".dot")].filter((dot) => dot.dataset.image === image);
    const mark = (dot) => {
      const all = dots(dot.dataset.image);
      all.forEach((one) => one.classList.add("same"));
      const box = dot.getBoundingClientRect();
      show(box.right, box.top + box.height / 2, [line(dot.dataset.image, true), line(dot.dataset.tip)]);
    };
    const clear = () => { group.querySelectorAll(".same").forEach((one) => one.classList.remove("same")); hide(); };
    const over = (event) => { clear(); const dot = event.target.closest(".dot"); if (dot) mark(dot); };
    swarm.addEventListener("pointerover", over);
    swarm.addEventListener("focusin", over);
    swarm.addEventListener("pointerleave", clear);
    swarm.addEventListener("focusout", clear);
  }
  addEventListener("scroll", hide, { passive: true });
})();
