// Elements are made here and nowhere else. Text goes in as text, never as markup: what comes from the network cannot
// become an element, an attribute that runs, or an address that is not one of the page's own.

/** An element with attributes (`on…` functions become listeners) and children: nodes, texts, lists; null is left out. */
export function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  add(node, children);
  return node;
}

function add(node, children) {
  for (const child of children.flat(9)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : plain(child));
  }
}

/** Puts children in place of those that are there. */
export function fill(node, ...children) {
  node.replaceChildren();
  add(node, children);
  return node;
}

/** Control characters, marks of direction, fillers, and what else acts or hides without being seen. */
const UNSEEN = new RegExp("[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891" +
  "\\u08e2\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u2800\\u3164" +
  "\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb\\u{110bd}\\u{110cd}\\u{13430}-\\u{1343f}\\u{1bca0}-\\u{1bca3}" +
  "\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}]", "gu");

/** A text that shows its control characters instead of obeying them, right-to-left marks included. */
export function plain(value) {
  return String(value).replace(UNSEEN,
    (letter) => "\\u{" + letter.codePointAt(0).toString(16) + "}");
}

/** Sets a text only if it is another one: what a screen reader or a selection is at stays. */
export function say(node, text) {
  const shown = plain(text);
  if (node.textContent !== shown) node.textContent = shown;
}

/** A link within the page. Only `#/…` is taken. */
export function link(hash, ...children) {
  return el("a", { href: hash.startsWith("#/") ? hash : "#/" }, ...children);
}

/** The deep link of something by its name. */
export function hashOf(view, name, parameters) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters ?? {})) if (value) query.set(key, value);
  const place = name === undefined || name === null ? "" : "/" + encodeURIComponent(name);
  return "#/" + view + place + (query.size > 0 ? "?" + query : "");
}

/** A word with a colour and a sign of its own, so that it is told without colour too. */
export function badge(kind, text) {
  return el("span", { class: "badge " + kind }, el("span", { class: "sign", "aria-hidden": "true" }, signOf(kind)), text);
}

function signOf(kind) {
  return { good: "✓", warn: "!", bad: "✗", lead: "★", calm: "·" }[kind] ?? "·";
}

/** A panel with a heading. */
export function panel(title, attributes, ...children) {
  const { note, level, ...others } = attributes ?? {};
  return el("section", { class: "panel", ...others },
    el("div", { class: "panel-head" }, el(level ?? "h2", {}, title), note ? el("span", { class: "note" }, note) : null),
    children);
}

/** A box that scrolls sideways, also by keyboard. */
export function scrolling(label, child) {
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, child);
}
