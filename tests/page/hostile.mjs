// Every text of every answer is made hostile: the page shows it as text.
import { base, check, openPage, sound, until } from "./chromium.mjs";

const POISON = "<img src=x onerror=\"document.title='hit'\"><script>document.title='hit'</script>\u001b[31m\u202e\"'&";
const VIEWS = ["overview", "timeline", "latency", "risks", "incidents", "incident/1", "sessions", "session/", "unseen", "tap"];

const OPERATION = { kind: "operation", at_us: 1e15, session: POISON, identity: POISON, client: POISON, server: POISON, op: POISON, path: POISON,
  error: POISON, latency_us: 7 };
const FINDING = { kind: POISON, at_us: 1e15, text: POISON, reason: POISON, server: POISON };
const EVENTS = [OPERATION, FINDING].map((one) => "event: x\ndata: " + JSON.stringify(one) + "\n\n").join("");

/** Words by which the page decides; they come from tables, and stay. */
const KEPT = ["kind", "class", "state", "change", "outcome", "role"];

function poisoned(value, name) {
  if (Array.isArray(value)) return value.map((one) => poisoned(one, name));
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, poisoned(one, key)]));
  if (typeof value === "string" && !KEPT.includes(name)) return POISON + value;
  return value;
}

export async function hostile(browser, session) {
  const page = await openPage(browser, "wide", "light");
  await page.route("**/api/**", async (route) => {
    const { pathname } = new URL(route.request().url());
    if (pathname === "/api/stream") return route.abort();
    if (pathname === "/api/tap") return route.fulfill({ contentType: "text/event-stream", body: EVENTS });
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: poisoned(await answer.json()) });
  });
  page.expected = (text) => text.includes("/api/stream");
  await page.goto(base + "/");
  for (const view of VIEWS) {
    const hash = "#/" + view + (view.endsWith("/") ? session : "");
    await page.evaluate((to) => { location.hash = to; }, hash);
    await until("hostile texts in " + view, async () => {
      const text = await page.textContent("main");
      check(text.includes("<img src=x") || view === "unseen" || view === "risks", "they are not shown");
      check(!text.includes("\u001b") && !text.includes("\u202e"), "a control character is in it");
    });
    same0(await page.locator("main img, main script, main iframe, main [onerror]").count(), view);
    check(!(await page.title()).includes("hit"), view + " ran a text");
  }
  await page.goto(base + "/#/session/" + encodeURIComponent(POISON));
  await until("a hostile address", async () => check((await page.textContent("h1")).includes("<img src=x"), "it is not shown"));
  same0(await page.locator("main img, main script").count(), "a hostile address");
  page.problems = page.problems.filter((one) => !one.includes("status of 400") && !one.includes("status of 404"));
  sound(page, "hostile texts");
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await page.context().close();
}

function same0(count, view) {
  check(count === 0, view + ": " + count + " elements were made of texts");
}
