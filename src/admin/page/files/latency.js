// Latency over time by class and server, with the pings below it.
import { el, fill, hashOf, panel, plain } from "./dom.js";
import { grid } from "./grid.js";
import { rows, servers, store } from "./store.js";
import { clock, count, micros } from "./words.js";

const FIGURES = { p50_us: "median", p99_us: "99th percentile", max_us: "longest" };
const CLASSES = { write: "Writes", read: "Reads", ping: "Pings (the baseline)" };

export function latency(root, { parameters, go }) {
  let figure = FIGURES[parameters.get("figure")] ? parameters.get("figure") : "p99_us";
  let only = parameters.get("server") ?? "";
  const choose = el("select", { id: "figure", onchange: () => { figure = choose.value; again(); } },
    Object.entries(FIGURES).map(([value, name]) => el("option", { value, selected: value === figure }, name)));
  const server = el("select", { id: "server", onchange: () => { only = server.value; again(); } });
  const charts = Object.keys(CLASSES).map((name) => ({ name, box: el("div", { class: "chart " + name }), chart: null }));
  const table = grid("Latency of the last slot of ten seconds", [
    { name: "Server", kind: "mono", cell: (row) => row.server },
    { name: "Class", cell: (row) => row.class },
    { name: "From (UTC)", kind: "mono", cell: (row) => clock(row.at_ms) },
    { name: "Operations", kind: "number", cell: (row) => count(row.count) },
    { name: "Median", kind: "number", cell: (row) => micros(row.p50_us) },
    { name: "p99", kind: "number", cell: (row) => micros(row.p99_us) },
    { name: "Longest", kind: "number", cell: (row) => micros(row.max_us) },
  ], (row) => row.server_id + row.class, "nothing has been measured yet: a slot takes ten seconds");
  fill(root, el("h1", {}, "Latency"),
    el("form", { class: "line", onsubmit: (event) => event.preventDefault() },
      el("label", { for: "figure" }, "Figure"), choose, el("label", { for: "server" }, "Server"), server),
    charts.map((one) => panel(CLASSES[one.name], {}, one.box)),
    panel("The newest figures", {}, table.node));
  let known = "", version = null, theme = "";

  function again() {
    go(hashOf("latency", null, { figure, server: only }));
    version = null;
    update();
  }

  function update() {
    const list = servers();
    const names = list.map((one) => one.server).join(" ");
    if (names !== known) {
      known = names;
      fill(server, el("option", { value: "" }, "all"), list.map((one) =>
        el("option", { value: one.server, selected: one.server === only }, one.server)));
    }
    const now = store.version.latency;
    const colours = getComputedStyle(root).getPropertyValue("--text") + root.clientWidth;
    if (now === version && colours === theme) return;
    [version, theme] = [now, colours];
    const shown = list.filter((one) => !only || one.server === only);
    const slots = rows("latency");
    for (const one of charts) drawChart(one, slots.filter((slot) => slot.class === one.name), shown, figure);
    const newest = new Map();
    for (const slot of slots) if (!only || slot.server === only) newest.set(slot.server_id + slot.class, slot);
    table.update([...newest.values()].sort((one, other) => one.server_id - other.server_id || (one.class < other.class ? -1 : 1)));
  }
  return { update, stop: () => charts.forEach((one) => one.chart?.destroy()) };
}

/** Times and, for each server, its values in milliseconds; a slot without operations is a gap. */
export function seriesOf(slots, shown, figure) {
  const times = [...new Set(slots.map((slot) => slot.at_ms))].sort((one, other) => one - other);
  const place = new Map(times.map((at, index) => [at, index]));
  const values = new Map(shown.map((one) => [one.server_id, new Array(times.length).fill(null)]));
  for (const slot of slots) {
    const of = values.get(slot.server_id);
    if (of) of[place.get(slot.at_ms)] = slot[figure] / 1000;
  }
  return [times.map((at) => at / 1000), ...values.values()];
}

function drawChart(one, slots, shown, figure) {
  one.chart?.destroy();
  one.chart = null;
  if (slots.length === 0) {
    fill(one.box, el("p", { class: "empty" }, "no operations of this class yet"));
    return;
  }
  fill(one.box);
  const style = getComputedStyle(one.box);
  const ink = (name) => style.getPropertyValue(name).trim();
  const axis = { stroke: ink("--soft"), grid: { stroke: ink("--rule"), width: 1 }, ticks: { stroke: ink("--rule"), width: 1 } };
  const text = (value) => (value === null || value === undefined ? "–" : micros(value * 1000));
  const data = seriesOf(slots, shown, figure);
  one.chart = new window.uPlot({
    width: Math.max(280, one.box.clientWidth), height: one.name === "ping" ? 150 : 210,
    cursor: { sync: { key: "latency" } },
    tzDate: (at) => window.uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
    padding: [6, 12, 0, 0],
    axes: [{ ...axis, values: (_, times) => times.map((at) => clock(at * 1000)), space: 80 }, { ...axis, size: 64, values: (_, values) => values.map(text) }],
    scales: { x: { range: (_, low, high) => [low - 10, Math.max(high + 10, low + 60)] }, y: { range: (_, low, high) => [0, Math.max(high * 1.1, 0.01)] } },
    series: [{ label: "UTC", value: (_, at) => (at === null ? "–" : clock(at * 1000)) }, ...shown.map((server) => ({
      label: plain(server.server), stroke: ink("--line-" + (server.server_id % 8)), width: 2, spanGaps: false,
      points: { show: data[0].length < 40, size: 5 }, value: (_, value) => text(value),
    }))],
  }, data, one.box);
}
