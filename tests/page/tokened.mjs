// Where a token is wanted, the page asks for it once and sends it with every question.
import { accessible, base, check, openPage, run, sound, table, until } from "./chromium.mjs";

const token = process.argv[3];

run(async (browser) => {
  const page = await openPage(browser, "wide", "dark");
  let refused = 0;
  page.on("response", (response) => { refused += response.status() === 401 ? 1 : 0; });
  page.expected = (text) => text.includes("401");
  await page.goto(base + "/");
  await until("the dialog", async () => {
    const text = await page.textContent("dialog");
    check(text.includes("admin.read_token_file") && text.includes("admin.token_file"), text);
  });
  for (const wrong of ["geheim→", "two words"]) {
    await page.fill("#token", wrong);
    await page.click("dialog button");
    await until("what no token is to be told", async () => check((await page.textContent("dialog")).includes("only letters, digits and signs of ASCII"), wrong));
  }
  await accessible(page, "the dialog");
  await page.fill("#token", "a-wrong-one-of-32-letters-or-more");
  await page.click("dialog button");
  await until("a wrong token to be told", async () => check((await page.textContent("dialog")).includes("not accepted"), "it is not"));
  await page.fill("#token", token);
  await page.click("dialog button");
  await until("the servers", async () => check((await table(page, "Servers")).length === 3, "they are not shown"));
  check((await page.locator("dialog").count()) === 0, "the dialog is there still");
  await until("the stream", async () => check((await page.textContent(".link-state")) === "live", "it does not follow one"));
  const before = refused;
  check(before > 0, "nothing was refused");
  await page.reload();
  await until("the servers without being asked again", async () => check((await table(page, "Servers")).length === 3, "they are not shown"));
  check(refused === before, "a question came without the token");
  check(!page.url().includes(token), "the token is in the address");
  const stored = await page.evaluate(() => JSON.stringify(localStorage));
  check(!stored.includes(token), "the token outlives the tab");
  await page.evaluate(() => { location.hash = "#/tap"; });
  await until("the tap", async () => check((await page.textContent("#tap-says")).includes("listening ·"), "it does not listen"));
  sound(page, "a page with a token");
});
