// Draws the landing timeline onto a canvas. Knows colours and places; what happened it is given.
import { HUES, serverAt } from "./lanes.js";
import { clock, count, lasting } from "./words.js";

/** Height of the time axis, in pixels. */
const AXIS = 24;
/** Height of a lane's name. */
const NAME = 20;
/** Lines that are drawn at once; of more the newest. */
export const MOST_LINES = 2000;
/** Lines from which on only their hops are drawn. */
const CROWD = 150;
/** How much of a line of a crowd is drawn before and behind its hops, in pixels. */
const NEAR = 46;

/** The colours of the theme, read from the style sheet. */
function colours(canvas) {
  const style = getComputedStyle(canvas);
  const of = (name) => style.getPropertyValue(name).trim();
  return {
    text: of("--text"), soft: of("--soft"), rule: of("--rule"), lane: of("--lane"), crowd: of("--crowd"),
    bad: of("--bad"), badBand: of("--bad-band"), election: of("--election"), lead: of("--lead"), back: of("--panel"),
    lines: Array.from({ length: HUES }, (_, place) => of("--line-" + place)),
  };
}

/** Where times, lanes and lines are on a canvas of that size. */
export function layout(width, height, range, servers) {
  const lane = (height - AXIS) / Math.max(1, servers.length);
  const place = new Map(servers.map((server, index) => [server.server_id, index]));
  return {
    width, height, range, lane,
    x: (at) => ((at - range.from) / (range.to - range.from)) * width,
    at: (x) => range.from + (x / width) * (range.to - range.from),
    top: (server) => (place.get(server) ?? 0) * lane,
    /** The height of a line in its lane: between the name and the bottom. */
    y: (server, slot) => (place.get(server) ?? 0) * lane + NAME + 6 + slot * (lane - NAME - 14),
  };
}

/** The lines that have something to show within the range, each with its slot between 0 and 1. */
export function visible(lines, range, picked) {
  const fits = (line) => line === picked || (line.first <= range.to && line.last >= range.from);
  const all = lines.filter(fits);
  const drawn = all.length > MOST_LINES ? all.slice(all.length - MOST_LINES) : all;
  if (picked && !drawn.includes(picked)) drawn.push(picked);
  const slots = new Map(drawn.map((line, place) => [line, (place + 0.5) / drawn.length]));
  return { drawn, slots, left: all.length - drawn.length };
}

/** Draws everything. */
export function draw(canvas, scene) {
  const { servers, bands, crowd, range, picked, hovered, shown } = scene;
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const brush = canvas.getContext("2d");
  const ink = colours(canvas);
  brush.setTransform(scale, 0, 0, scale, 0, 0);
  brush.clearRect(0, 0, width, height);
  brush.font = "12px system-ui, sans-serif";
  brush.textBaseline = "middle";
  const map = layout(width, height, range, servers);
  drawLanes(brush, ink, map, servers);
  drawCrowd(brush, ink, map, servers, crowd, shown.drawn.length > CROWD ? 0.8 : 0.35);
  drawBands(brush, ink, map, bands);
  drawAxis(brush, ink, map);
  drawLines(brush, ink, map, shown, picked, hovered);
  drawNames(brush, ink, map, servers, crowd);
  return map;
}

function drawLanes(brush, ink, map, servers) {
  servers.forEach((server, place) => {
    if (place % 2 === 1) {
      brush.fillStyle = ink.lane;
      brush.fillRect(0, map.top(server.server_id), map.width, map.lane);
    }
    brush.fillStyle = ink.rule;
    brush.fillRect(0, map.top(server.server_id) + map.lane - 1, map.width, 1);
  });
}

function drawNames(brush, ink, map, servers, crowd) {
  const last = crowd.at(-1);
  for (const server of servers) {
    const y = map.top(server.server_id) + NAME / 2 + 3;
    const role = server.role === "leader" && server.state === "serving" ? "★ " : "";
    const name = role + server.server;
    brush.textAlign = "left";
    brush.font = "600 12px system-ui, sans-serif";
    const wide = brush.measureText(name).width;
    brush.globalAlpha = 0.8;
    brush.fillStyle = ink.back;
    brush.fillRect(4, y - 9, wide + 10, 18);
    brush.globalAlpha = 1;
    brush.fillStyle = server.state === "serving" || server.state === "unknown" ? ink.text : ink.bad;
    brush.fillText(name, 9, y);
    brush.font = "12px system-ui, sans-serif";
    const sessions = last?.counts[server.server_id] ?? server.sessions;
    if (sessions === undefined) continue;
    brush.textAlign = "right";
    brush.fillStyle = ink.soft;
    brush.fillText(count(sessions) + (sessions === 1 ? " session" : " sessions"), map.width - 8, y);
  }
  brush.textAlign = "left";
}

function drawCrowd(brush, ink, map, servers, crowd, share) {
  const most = Math.max(1, ...crowd.flatMap((one) => one.counts.map((value) => value ?? 0)));
  brush.fillStyle = ink.crowd;
  for (const server of servers) {
    const bottom = map.top(server.server_id) + map.lane - 1;
    crowd.forEach((one, place) => {
      const from = Math.max(0, map.x(one.at)), to = Math.min(map.width, map.x(crowd[place + 1]?.at ?? Infinity));
      const value = one.counts[server.server_id] ?? 0;
      if (to <= from || value === 0) return;
      const tall = (value / most) * (map.lane - NAME) * share;
      brush.fillRect(from, bottom - tall, to - from, tall);
    });
  }
}

function drawBands(brush, ink, map, bands) {
  for (const band of bands) {
    const from = Math.max(0, map.x(band.from)), to = Math.min(map.width, map.x(band.to));
    if (band.kind === "leader" || band.kind === "restart") {
      if (from <= 0 || from > map.width) continue;
      const top = band.server === null ? 0 : map.top(band.server);
      const tall = band.server === null ? map.height - AXIS : map.lane;
      brush.strokeStyle = ink.lead;
      brush.setLineDash([4, 3]);
      brush.beginPath();
      brush.moveTo(from, top);
      brush.lineTo(from, top + tall);
      brush.stroke();
      brush.setLineDash([]);
      continue;
    }
    if (to <= from) continue;
    if (band.kind === "election") {
      brush.fillStyle = ink.election;
      brush.fillRect(from, 0, Math.max(2, to - from), map.height - AXIS);
    } else {
      const top = map.top(band.server);
      brush.fillStyle = ink.badBand;
      brush.fillRect(from, top, Math.max(2, to - from), map.lane - 1);
      brush.fillStyle = ink.bad;
      brush.fillRect(from, top + map.lane - 4, Math.max(2, to - from), 3);
    }
  }
  drawBandTexts(brush, ink, map, bands);
}

function drawBandTexts(brush, ink, map, bands) {
  let free = -Infinity;
  for (const band of bands.filter((one) => one.kind === "election" || one.kind === "leader")) {
    const x = Math.max(0, map.x(band.from));
    if (map.x(band.to) < 0 || x > map.width) continue;
    const took = band.kind === "election" && Number.isFinite(band.to) ? " " + lasting(band.to - band.from) : "";
    const text = band.text + took;
    const wide = brush.measureText(text).width;
    if (band.kind === "leader" && band.from < map.range.from) continue;
    const left = Math.min(x + 4, map.width - wide - 4);
    if (left < free) continue;
    free = left + wide + 8;
    brush.fillStyle = ink.text;
    brush.fillText(text, left, map.height - AXIS - 9);
  }
  for (const band of bands.filter((one) => one.kind === "down")) {
    const from = Math.max(0, map.x(band.from)), to = Math.min(map.width, map.x(band.to));
    if (to - from < brush.measureText(band.text).width + 8) continue;
    brush.fillStyle = ink.bad;
    brush.fillText(band.text, from + 5, map.top(band.server) + map.lane - 27);
  }
}

const STEPS = [100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 18e5, 36e5, 108e5, 432e5, 864e5];

function drawAxis(brush, ink, map) {
  const span = map.range.to - map.range.from;
  const step = STEPS.find((one) => (one / span) * map.width >= 76) ?? STEPS.at(-1);
  brush.textAlign = "center";
  for (let at = Math.ceil(map.range.from / step) * step; at <= map.range.to; at += step) {
    const x = map.x(at);
    brush.fillStyle = ink.rule;
    brush.fillRect(x, 0, 1, map.height - AXIS);
    brush.fillStyle = ink.soft;
    if (x > 30 && x < map.width - 30) brush.fillText(clock(at, step < 1000).slice(0, step < 1000 ? 10 : 8), x, map.height - AXIS / 2);
  }
  brush.textAlign = "left";
}

function drawLines(brush, ink, map, shown, picked, hovered) {
  const many = shown.drawn.length > CROWD;
  const faint = many ? 0.2 : shown.drawn.length > 60 ? 0.45 : 0.9;
  for (const line of shown.drawn) {
    const chosen = line === picked || line === hovered;
    brush.globalAlpha = chosen ? 1 : picked ? 0.15 : faint;
    brush.lineWidth = chosen ? 3 : shown.drawn.length > 200 ? 1 : 1.75;
    brush.strokeStyle = ink.lines[line.hue];
    drawLine(brush, map, line, shown.slots.get(line), many && !chosen);
  }
  for (const line of shown.drawn) {
    brush.globalAlpha = line === picked || line === hovered || !picked ? 1 : 0.25;
    for (const refusal of line.refusals) drawRefusal(brush, ink, map, refusal, shown.slots.get(line), leftAt(line, refusal));
  }
  brush.globalAlpha = 1;
}

/** A line; of a crowd only what is near its hops, for the rest shows as how many there are. */
function drawLine(brush, map, line, slot, near) {
  const [least, most] = near ? [map.x(line.first) - NEAR, map.x(line.last) + NEAR] : [-9, map.width + 9];
  const edge = (at) => Math.min(Math.min(map.width + 9, most), Math.max(Math.max(-9, least), map.x(at)));
  brush.setLineDash([]);
  brush.beginPath();
  for (const stay of line.stays) {
    const from = edge(stay.from), to = edge(stay.to), y = map.y(stay.server, slot);
    if (to < 0 || from > map.width) continue;
    brush.moveTo(from, y);
    brush.lineTo(to, y);
  }
  brush.stroke();
  brush.setLineDash([3, 3]);
  brush.beginPath();
  for (const hop of line.hops) {
    const from = map.x(Math.min(hop.lost, hop.at)), to = map.x(hop.at);
    if (to < -20 || from > map.width + 20) continue;
    const [above, below] = [map.y(hop.from, slot), map.y(hop.to, slot)];
    // A hop takes some width also where it took no time: it is to be seen.
    const bend = Math.max(10, (to - from) / 2);
    brush.moveTo(from, above);
    brush.bezierCurveTo(from + bend, above, to - bend, below, to, below);
  }
  brush.stroke();
}

/** When the session had left the server that refused it; null where that is not known. */
function leftAt(line, refusal) {
  const stay = line.stays.findLast((one) => one.server === refusal.server_id && one.to <= refusal.at_ms);
  return stay ? stay.to : null;
}

function drawRefusal(brush, ink, map, refusal, slot, left) {
  const x = map.x(refusal.at_ms), y = map.y(refusal.server_id, slot);
  if (x < -9 || x > map.width + 9) return;
  if (left !== null && map.x(left) < x - 10) {
    // The old connection, which outlived the session's stay here.
    brush.strokeStyle = ink.bad;
    brush.lineWidth = 1.5;
    brush.setLineDash([2, 4]);
    brush.beginPath();
    brush.moveTo(Math.max(-9, map.x(left)), y);
    brush.lineTo(x, y);
    brush.stroke();
  }
  brush.setLineDash([]);
  brush.fillStyle = ink.back;
  brush.strokeStyle = ink.bad;
  brush.lineWidth = 2.5;
  brush.beginPath();
  brush.arc(x, y, 8, 0, Math.PI * 2);
  brush.fill();
  brush.stroke();
  brush.beginPath();
  brush.moveTo(x - 3.5, y - 3.5);
  brush.lineTo(x + 3.5, y + 3.5);
  brush.moveTo(x + 3.5, y - 3.5);
  brush.lineTo(x - 3.5, y + 3.5);
  brush.stroke();
}

/** The line that is nearest to a point, within some pixels; null where there is none. */
export function nearest(map, shown, x, y) {
  let best = null, reach = 10;
  const at = map.at(x);
  for (const line of shown.drawn) {
    const slot = shown.slots.get(line);
    for (const refusal of line.refusals) {
      const far = Math.hypot(map.x(refusal.at_ms) - x, map.y(refusal.server_id, slot) - y) - 6;
      if (far < reach) [best, reach] = [line, far];
    }
    for (const hop of line.hops) {
      const from = map.x(Math.min(hop.lost, hop.at)) - 6, to = map.x(hop.at) + 6;
      if (x < from || x > to) continue;
      const part = (x - from) / (to - from);
      const way = map.y(hop.from, slot) + (map.y(hop.to, slot) - map.y(hop.from, slot)) * part;
      if (Math.abs(way - y) < reach) [best, reach] = [line, Math.abs(way - y)];
    }
    const server = serverAt(line, at);
    if (server === null) continue;
    const far = Math.abs(map.y(server, slot) - y);
    if (far < reach) [best, reach] = [line, far];
  }
  return best;
}
