// A table whose rows stay when their cells change: focus, selection and place are kept.
import { badge, el, fill, hashOf, link, plain, scrolling } from "./dom.js";

/** A cell: a text, or {text, to: [view, name, parameters], badge: kind, title, kind: css class}. */
function shown(cell) {
  if (cell === null || cell === undefined || cell === "") return el("span", { class: "none" }, "–");
  if (typeof cell !== "object") return document.createTextNode(plain(cell));
  const text = cell.text === null || cell.text === undefined ? "–" : cell.text;
  let node = cell.badge ? badge(cell.badge, text) : el("span", { class: cell.kind, title: cell.title }, text);
  if (cell.to) {
    node = link(hashOf(...cell.to), node);
  }
  return node;
}

/**
 * A table. Columns are {name, cell: row => cell, kind}; `key` names a row. Gives {node, update(rows)}.
 */
export function grid(caption, columns, key, empty) {
  const body = el("tbody", { role: "rowgroup" });
  const head = el("tr", { role: "row" }, columns.map((column) => el("th", { role: "columnheader", scope: "col", class: column.kind }, column.name)));
  // Roles are told, for on a narrow screen the style sheet makes blocks of the rows.
  const table = el("table", { role: "table" }, el("caption", { class: "hidden" }, caption), el("thead", { role: "rowgroup" }, head), body);
  const none = el("p", { class: "empty" }, empty ?? "none");
  const box = scrolling(caption, table);
  const node = el("div", { class: "grid" }, none, box);
  const known = new Map();

  function update(rows) {
    none.hidden = rows.length > 0;
    box.hidden = rows.length === 0;
    const seen = new Set();
    let before = null;
    for (const row of rows) {
      const name = key(row);
      if (seen.has(name)) continue;
      seen.add(name);
      let entry = known.get(name);
      if (!entry) {
        const cells = columns.map((column, place) => el(place === 0 ? "th" : "td",
          { class: column.kind, role: place === 0 ? "rowheader" : "cell", scope: place === 0 ? "row" : null, "data-label": column.name }));
        entry = { line: el("tr", { role: "row" }, cells), cells, texts: [] };
        known.set(name, entry);
      }
      columns.forEach((column, place) => {
        const cell = column.cell(row);
        const text = JSON.stringify(cell ?? null);
        if (entry.texts[place] !== text) {
          entry.texts[place] = text;
          fill(entry.cells[place], shown(cell));
        }
      });
      const next = before ? before.nextSibling : body.firstChild;
      if (next !== entry.line) body.insertBefore(entry.line, next);
      before = entry.line;
    }
    for (const [name, entry] of known) {
      if (!seen.has(name)) {
        entry.line.remove();
        known.delete(name);
      }
    }
  }
  return { node, update };
}

/** A list of names with values. */
export function facts(pairs) {
  return el("dl", { class: "facts" }, pairs.filter((pair) => pair).map(([name, cell]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, cell instanceof Node ? cell : shown(cell)))));
}
