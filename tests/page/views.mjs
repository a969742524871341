// Every view at both sizes and in both themes: it shows what the API says, and a screen reader can use it.
import { accessible, api, base, check, fits, openPage, pictures, run, same, sound, table, until } from "./chromium.mjs";
import { away } from "./away.mjs";
import { hostile } from "./hostile.mjs";
import { crowded } from "./crowded.mjs";
import { skewed } from "./skewed.mjs";

const session = process.argv[3];

/** The views: their address, and what is to be the same as the API says. */
const VIEWS = {
  overview: ["#/overview", async (page) => {
    const { servers } = await api("/api/servers");
    const rows = await table(page, "Servers");
    const wanted = servers.map((one) => [one.server, (one.state === "serving" ? "" : "was ") + one.role,
      one.state.replaceAll("_", " "), String(one.sessions)]);
    same(rows.map((row) => row.slice(0, 4)), wanted, "servers");
    const { leader } = await api("/api/ensemble");
    check((await page.textContent(".verdict")).includes(leader + " leads"), "who leads");
    const open = (await api("/api/incidents")).incidents.filter((one) => one.open);
    for (const one of open.slice(0, 5)) check((await page.textContent(".problems")).includes(one.summary), one.summary);
  }],
  timeline: ["#/timeline", async (page) => {
    await page.click("text=All");
    const rows = await table(page, "Moves, refusals and changes of the ensemble in the time that is shown");
    const [{ moves }, { session_moved }, { timeline }] =
      [await api("/api/moves"), await api("/api/session-moved"), await api("/api/ensemble")];
    const times = (list) => list.map((one) => one.at.slice(11, 23)).sort();
    same(rows.filter((row) => row[1] === "move").map((row) => row[0]).sort(), times(moves), "moves");
    same(rows.filter((row) => row[1] === "refused").map((row) => row[0]).sort(), times(session_moved), "refusals");
    same(rows.filter((row) => row[2] === "–").map((row) => row[6]).sort(), timeline.map((one) => one.text).sort(), "changes");
    check(moves.length > 3 && session_moved.length > 0 && timeline.length > 0, "nothing has happened");
  }],
  latency: ["#/latency", async (page) => {
    const newest = new Map();
    for (const one of (await api("/api/latency?limit=5000")).latency) newest.set(one.server_id + one.class, one);
    const wanted = [...newest.values()].map((one) => [one.server, one.class, one.at.slice(11, 19), String(one.count)]);
    const rows = await table(page, "Latency of the last slot of ten seconds");
    same(rows.map((row) => row.slice(0, 4)).sort(), wanted.sort(), "latency");
    check(wanted.length > 0 && (await page.locator(".uplot canvas").count()) > 0, "no chart");
  }],
  risks: ["#/risks", async (page) => {
    const { risks } = await api("/api/risks");
    const rows = await table(page, "Risks that are over");
    same(rows.map((row) => row[0]), risks.filter((one) => one.state !== "open").map((one) => String(one.id)), "risks");
    const open = risks.filter((one) => one.state === "open");
    same(await page.locator(".card").count(), open.length, "open risks");
  }],
  incidents: ["#/incidents", async (page) => {
    const { incidents } = await api("/api/incidents");
    const rows = await table(page, "Incidents, newest first");
    const wanted = incidents.map((one) => [String(one.id), one.cause.code.replaceAll("_", " "), one.cause.confidence, one.summary]);
    same(rows.map((row) => [row[0], row[3], row[4], row[6]]), wanted, "incidents");
    check(incidents.length >= 2, "an incident is missing");
  }],
  incident: ["#/incident/1", async (page) => {
    const one = await api("/api/incidents/1");
    const shown = await page.locator(".evidence li > span:first-child").allTextContents();
    same(shown, one.evidence.map((fact) => fact.text), "evidence");
    const actions = await page.locator(".actions b").allTextContents();
    same(actions, one.actions.map((action) => action.text), "actions");
    const text = await page.textContent("main");
    for (const other of one.ruled_out) check(text.includes(other.cause.replaceAll("_", " ")), other.cause);
    check(text.includes(one.summary) && text.includes(one.cause.confidence), one.summary);
  }],
  sessions: ["#/sessions", async (page) => {
    const { sessions } = await api("/api/sessions");
    const rows = await table(page, "Sessions, newest activity first");
    const wanted = sessions.map((one) => [one.session, one.identity ?? "–", one.server]);
    same(rows.map((row) => row.slice(0, 3)).sort(), wanted.sort(), "sessions");
  }],
  session: ["#/session/" + session, async (page) => {
    const one = await api("/api/sessions/" + session);
    const rows = await table(page, "What happened to this session");
    const wanted = [...one.timeline].reverse().map((event) => [event.at.slice(11, 23), event.kind.replaceAll("_", " ")]);
    same(rows.map((row) => row.slice(0, 2)), wanted, "what happened");
    check((await page.textContent(".verdict")).includes(one.identity), one.identity);
    check(one.timeline.some((event) => event.kind === "session_moved"), "it was not refused");
  }],
  tap: ["#/tap", async (page) => {
    await page.waitForFunction(() => document.querySelector("#tap-says").textContent.includes("listening"));
    const { slow } = await api("/api/slow?limit=1000");
    const rows = await table(page, "Operations that took long, the slowest first");
    const once = new Map(slow.map((one) => [[one.at_us, one.connection, one.xid, one.op].join(), one]));
    const wanted = [...once.values()].sort((one, other) => other.latency_us - one.latency_us).slice(0, 100);
    same(rows.map((row) => [row[1], row[2], row[4]]), wanted.map((one) => [one.op, one.path ?? "–", one.server]), "slow operations");
    check(wanted.length > 0, "no operation is kept");
  }],
  unseen: ["#/unseen", async (page) => {
    const { servers } = await api("/api/ensemble");
    const rows = await table(page, "Connections that zoogate cannot see into, by server");
    same(rows.map((row) => row[0]), servers.map((one) => one.server), "servers");
    same(rows.map((row) => row[1]), servers.map((one) => (one.bypassing === null ? "–" : String(one.bypassing))), "bypassing");
  }],
};

run(async (browser) => {
  for (const theme of ["light", "dark"]) {
    for (const size of ["wide", "phone"]) {
      const page = await openPage(browser, size, theme);
      await page.goto(base + "/");
      for (const [name, [hash, equal]] of Object.entries(VIEWS)) {
        const what = [name, size, theme].join(" ");
        await page.evaluate((to) => { location.hash = to; }, hash);
        await page.waitForSelector("main.view-" + name);
        await until(what, () => equal(page));
        await page.mouse.move(1, 1);
        await page.screenshot({ path: `${pictures}/${name}-${size}-${theme}.png` });
        await fits(page, what);
        await accessible(page, what);
        sound(page, what);
      }
      await page.context().close();
    }
  }
  console.log("pictures");
  await hostile(browser, session);
  await crowded(browser);
  await skewed(browser);
  await away(browser);
});
