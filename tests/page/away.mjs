// What the page says while zoogate is away, while nothing is known, when servers go, and when the tap breaks off.
import { accessible, api, base, check, openPage, sound, table, until } from "./chromium.mjs";

const says = async (page, place, ...wanted) => {
  const text = await page.textContent(place);
  for (const one of wanted) check(text.includes(one), place + " does not say " + JSON.stringify(one) + ": " + text);
};

async function close(page, what) {
  sound(page, what);
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await page.context().close();
}

/** Opens the page with this done to its questions; the stream is away, so that the lists are asked for again and again. */
async function without(browser, hash, routes, first = () => {}) {
  const page = await openPage(browser, "wide", "light");
  await page.addInitScript(first);
  page.expected = (text) => text.includes("/api/");
  for (const [path, answer] of Object.entries({ "/api/stream": (route) => route.abort(), ...routes })) await page.route("**" + path + "*", answer);
  await page.goto(base + "/" + hash);
  return page;
}

/** Has the page wait less: a second until it asks again, three for an answer. */
function hurried() {
  const wait = window.setTimeout;
  window.setTimeout = (what, after, ...rest) => wait(what, after > 30000 ? 3000 : Math.min(after, 1000), ...rest);
}

async function neverThere(browser) {
  const page = await without(browser, "", { "/api/*": (route) => route.abort() });
  await until("a zoogate that never answered to be told", async () => {
    await says(page, ".verdict", "Something is wrong", "0 of 0");
    await says(page, ".problems", "zoogate does not answer this page");
  });
  await accessible(page, "zoogate never answered");
  await close(page, "zoogate never answered");
}

async function gone(browser) {
  let away = false;
  const answer = (route) => (away || route.request().url().includes("/api/stream") ? route.abort() : route.continue());
  const page = await without(browser, "", { "/api/*": answer });
  await until("the lists without a stream", async () => {
    check((await table(page, "Servers")).length === 3, "they are not shown");
    check((await page.getAttribute(".link-state", "data-state")) === "behind", "it is not said that there is no stream");
  });
  away = true;
  await until("a zoogate that is gone to be told", async () => {
    await says(page, ".verdict", "Something is wrong");
    await says(page, ".problems", "zoogate does not answer since 20", "all figures are of then");
  });
  check((await table(page, "Servers")).length === 3, "what was known is gone");
  away = false;
  await until("a zoogate that is there again", async () => {
    const problems = page.locator(".problems");
    check((await problems.isHidden()) || !(await problems.textContent()).includes("does not answer"), "it is still said to be away");
  });
  await close(page, "zoogate is gone");
}

/** A zoogate that answers, though not what is asked for, is not said to be away, nor is anything said of the servers. */
async function refused(browser) {
  let refusal = null;
  const answer = (route) => (refusal ? route.fulfill(refusal) : route.request().url().includes("/api/stream") ? route.abort() : route.continue());
  const page = await without(browser, "", { "/api/*": answer }, hurried);
  await until("the lists", async () => check((await table(page, "Servers")).length === 3, "they are not shown"));
  for (const [status, error, told] of [
    [429, "too many requests from one address", "zoogate refuses this page"],
    [403, "pages of other sites are not answered", "zoogate refuses this page"],
    [500, "this failed", "zoogate answers this page with errors"],
  ]) {
    refusal = { status, json: { error, reason: "for a reason" } };
    await until("what is answered with " + status, async () => {
      await says(page, ".problems", told, error + ": for a reason", "all figures are of 20");
      check(!(await page.textContent(".problems")).includes("does not answer"), "zoogate is said to be away");
    });
  }
  check((await page.locator(".problems li.warn", { hasText: "zoogate answers this page with errors" }).count()) === 1, "it is told like a server that is down");
  refusal = null;
  await until("the answers again", async () => {
    const problems = page.locator(".problems");
    check((await problems.isHidden()) || !(await problems.textContent()).includes("this page"), "it is still said to refuse");
  });
  await close(page, "zoogate refuses");
}

/** An answer that begins and does not end is given up, and asked for again. */
async function stalled(browser) {
  const page = await without(browser, "#/risks", {}, hurried);
  await page.addInitScript(() => {
    const ask = window.fetch;
    window.stalls = true;
    window.fetch = (path, asked) => {
      if (!window.stalls || !path.startsWith("/api/servers")) return ask(path, asked);
      const start = (body) => {
        body.enqueue(new TextEncoder().encode('{"servers":['));
        asked.signal.addEventListener("abort", () => {
          window.givenUp = true;
          body.error(asked.signal.reason);
        });
      };
      return Promise.resolve(new Response(new ReadableStream({ start }), { headers: { "content-type": "application/json" } }));
    };
  });
  await page.reload();
  await page.evaluate(() => { location.hash = "#/overview"; });
  await until("an answer that stalls to be given up and told", async () => {
    check(await page.evaluate(() => window.givenUp), "it is waited for still");
    // The stream, which is not to be had here, fails in turn with it.
    await says(page, ".problems", "zoogate does not answer this page (/api/");
  });
  await page.evaluate(() => { window.stalls = false; });
  await until("the servers", async () => check((await table(page, "Servers")).length === 3, "they are not asked for again"));
  await close(page, "an answer that stalls");
}

async function unknown(browser) {
  const { servers } = await api("/api/servers");
  for (const server of servers) Object.assign(server, { state: "unknown", role: "unknown" });
  const page = await without(browser, "", {
    "/api/incidents": (route) => route.fulfill({ json: { incidents: [], more: false } }),
    "/api/risks": (route) => route.fulfill({ json: { risks: [], more: false } }),
    "/api/servers": (route) => route.fulfill({ json: { servers, more: false } }),
  });
  await until("that nothing is known", async () => {
    check((await table(page, "Servers")).length === 3, "no servers");
    await says(page, ".verdict", "Nothing is known yet", "– leads");
    await says(page, ".problems", "nothing is known yet of " + servers[0].server);
  });
  await close(page, "nothing is known");
}

async function fewer(browser) {
  const { servers } = await api("/api/servers");
  const given = [...servers];
  const page = await without(browser, "", { "/api/servers": (route) => route.fulfill({ json: { servers: given, more: false } }) });
  await until("three servers", async () => check((await table(page, "Servers")).length === 3, "they are not shown"));
  given.pop();
  await until("the third to go", async () => {
    const names = (await table(page, "Servers")).map((row) => row[0]);
    check(names.join() === given.map((one) => one.server).join(), names.join());
    await says(page, ".verdict", "of 2");
  });
  await close(page, "fewer servers");
}

/** A stream with one event, and then its end. */
const broken = (route) => route.fulfill({
  contentType: "text/event-stream",
  body: 'data: {"kind":"operation","at_us":1000000,"op":"create","path":"/a"}\n\n',
});

/** The same operations twice: kept because they took long, and as the slowest of their kind. */
const slow = [...Array(120).keys()].flatMap((place) => ["threshold", "slowest"].map((because) => ({
  at_ms: 1000 + place, at_us: 1000000 + place, connection: 1, xid: place, op: "create", path: "/" + place, latency_us: 9000 - place,
  in_flight: 0, error: "ok", server: "s", session: null, because,
})));

async function deadTap(browser) {
  let answer = broken;
  const page = await without(browser, "#/tap", {
    "/api/tap": (route) => answer(route),
    "/api/slow": (route) => route.fulfill({ json: { slow, more: false } }),
  });
  await until("each slow operation once", async () => {
    const shown = await table(page, "Operations that took long, the slowest first");
    check(shown.length === 100 && shown[99][2] === "/99", "rows: " + shown.length);
    await says(page, "main", "the slowest 100 of 120");
  });
  await until("the event and the end", async () => {
    check((await table(page, "What happens, newest first")).length >= 1, "the event is not shown");
    // Drawing what came does not hide that nothing comes any more.
    await says(page, "#tap-says", "not listening since", "since this filter");
  });
  answer = (route) => route.fulfill({
    contentType: "text/event-stream",
    body: 'event: closing\ndata: {"error":"the token was replaced","reason":"ask again with the new one"}\n\n',
  });
  await until("the last word of a stream", async () => says(page, "#tap-says", "(the stream has ended: the token was replaced)"));
  answer = (route) => route.abort();
  await until("an error", async () => says(page, "#tap-says", "not listening since", "zoogate does not answer"));
  await accessible(page, "a tap that is dead");
  answer = (route) => route.continue();
  await until("it to be asked again", async () => says(page, "#tap-says", "listening again: nothing is here from"));
  await page.fill("#filter", "path=/nowhere-at-all");
  await page.click("text=Show");
  await until("another filter to begin at 0", async () => says(page, "#tap-says", "listening · 0 since this filter"));
  const many = Array.from({ length: 312 }, (_, place) => `data: {"kind":"operation","at_us":${place},"op":"create","path":"/${place}"}\n\n`);
  answer = (route) => route.fulfill({ contentType: "text/event-stream", body: many.join("") });
  await page.fill("#filter", "");
  await page.click("text=Show");
  await until("the last lines", async () => says(page, "#tap-says", "since this filter · the last 300 are kept"));
  await close(page, "a tap that breaks off");
}

export async function away(browser) {
  await Promise.all([neverThere(browser), gone(browser), refused(browser), stalled(browser), unknown(browser), fewer(browser), deadTap(browser)]);
}
