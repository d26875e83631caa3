// What all parts of the page share: elements, the status line, requests, numbers.

export const at = (id) => document.getElementById(id);

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") made.className = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== false && value !== undefined) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function say(text, bad = false) {
  const line = at("status");
  line.textContent = text;
  line.classList.toggle("bad", bad);
}

export async function request(path, method = "GET", body = undefined) {
  const raw = body instanceof Blob;
  const options = { method, credentials: "same-origin" };
  if (body !== undefined) options.body = raw ? body : JSON.stringify(body);
  let answer;
  try {
    answer = await fetch(`api/${path}`, options);
  } catch {
    throw new Error("The viewer does not answer; was refsr view ended?");
  }
  if (answer.ok) return answer.json();
  const text = await answer.text();
  let reason = text;
  try {
    reason = JSON.parse(text).error;
  } catch { /* plain text */ }
  throw new Error(reason);
}

// Runs work that a person asked for; what goes wrong is said in the status line.
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    say(error.message, true);
    return undefined;
  }
}

export function number(value) {
  if (value === null || value === undefined) return "–";
  if (Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return size >= 100 ? value.toFixed(1) : size >= 1 ? value.toFixed(2) : value.toPrecision(3);
}

export function options(select, entries, chosen) {
  select.replaceChildren(...entries.map(([value, text]) => element("option", { value, selected: value === chosen }, text)));
  select.value = chosen;
}
