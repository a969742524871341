// The browser's clock is ten minutes off: what zoogate told just now is shown as new all the same.
import { api, base, check, openPage, sound, table, until } from "./chromium.mjs";

const OFF = 600000;

export async function skewed(browser) {
  const { servers } = await api("/api/servers");
  for (const off of [OFF, -OFF]) {
    const page = await openPage(browser, "wide", "light");
    await page.addInitScript((by) => {
      const own = Date.now;
      Date.now = () => own() + by;
    }, off);
    await page.route("**/api/latency**", (route) => {
      const slot = (server) => ({ at_ms: Date.now() - 5000, server: server.server, server_id: server.server_id, class: "read", count: 420,
        p50_us: 100, p99_us: 777, max_us: 900 });
      return route.fulfill({ json: { latency: servers.map(slot), more: false } });
    });
    await page.goto(base + "/");
    await until("latencies with a clock that is off by " + off, async () => {
      const rows = await table(page, "Servers");
      check(rows.length === servers.length && rows.every((row) => row[4] === "42" && row[5] === "777 µs"), JSON.stringify(rows));
    });
    await until("the time of zoogate", async () => {
      const shown = await page.textContent(".clock");
      const apart = Math.abs(Date.parse(new Date().toISOString().slice(0, 11) + shown) - Date.now());
      // Around midnight the day is another one.
      check(Math.min(apart, 86400000 - apart) < OFF / 2, "the page shows the browser's: " + shown);
    });
    sound(page, "a clock that is off");
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await page.context().close();
  }
}
