// Ten thousand sessions of which all move at once: the page stays usable.
import { base, check, openPage, pictures, sound, table, until } from "./chromium.mjs";

const SESSIONS = 10000;

/** Answers as zoogate gives them for that many sessions. */
async function answers() {
  const { servers } = await (await fetch(base + "/api/servers")).json();
  const now = Date.now();
  const moves = Array.from({ length: SESSIONS }, (_, place) => {
    const [from, to] = [servers[place % 3], servers[(place + 1) % 3]];
    const at = now - 240000 + Math.floor((place * 7919) % 30000);
    return { session: "0x" + (0x100000000000 + place).toString(16), identity: "broker-" + place, client: "127.0.0.1:1", from: from.server,
      from_id: from.server_id, to: to.server, to_id: to.server_id, at: new Date(at).toISOString(), at_ms: at, gap_ms: place % 900,
      unanswered: 0, reason: "leader_lost", routed: "spread", cause: null, incident: null, facts: [] };
  });
  moves.sort((one, other) => one.at_ms - other.at_ms);
  servers.forEach((server) => { server.sessions = 3300 + server.server_id; });
  return { "/api/servers": { servers, more: false }, "/api/moves": { moves, more: false } };
}

export async function crowded(browser) {
  const given = await answers();
  const page = await openPage(browser, "wide", "light");
  await page.route("**/api/**", async (route) => {
    const path = new URL(route.request().url()).pathname;
    if (given[path]) return route.fulfill({ json: given[path] });
    if (path === "/api/stream") return route.abort();
    return route.continue();
  });
  page.expected = (text) => text.includes("/api/stream");
  await page.goto(base + "/#/timeline");
  await until("the lines of a crowd", async () => check(/of 10 00\d/.test(await page.textContent(".panel-head .note")), await page.textContent(".panel-head .note")));
  const canvas = page.locator("canvas.lanes");
  await canvas.focus();
  await page.keyboard.press("ArrowDown");
  await until("a picked session", async () => check(/broker-\d+/.test(await page.textContent(".told")), "none is picked"));
  const rows = await table(page, "Moves, refusals and changes of the ensemble in the time that is shown");
  check(rows.length === 1 && rows[0][1] === "move", "the table has not the picked session alone: " + rows.length);
  await page.screenshot({ path: pictures + "/crowd-picked.png" });
  await page.keyboard.press("Escape");
  for (let times = 0; times < 6; times++) await page.keyboard.press("+");
  const lines = /(\d+)line/.exec((await page.textContent(".panel-head .note")).replaceAll(" ", ""));
  check(lines && Number(lines[1]) < 2000, "zooming in does not lessen the lines: " + lines);
  await page.click("text=All");
  await page.screenshot({ path: pictures + "/crowd-all.png" });
  await page.keyboard.press("Enter");
  sound(page, "a crowd");
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await page.context().close();
}
