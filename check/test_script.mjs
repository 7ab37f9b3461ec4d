// Tests of script.js, search.js and search.mjs: node check/test_script.mjs build/html
// Run from the top of the book, on finished pages. The data first; then, in headless Chromium, from a local server and
// from files, what a reader does. CHROMIUM names the browser (default: chromium).
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import vm from "node:vm";
import zlib from "node:zlib";
import { execFileSync } from "node:child_process";
import { pathToFileURL } from "node:url";
import { launch, runTests, serve } from "./browser.mjs";
import { definition, readBook, readTable, rowsOf, sentence, summaryOf } from "../pandoc/html/search.mjs";

const html = path.resolve(process.argv[2]);
const tests = [];
const test = (name, run) => tests.push([name, run]);

// ---------------------------------------------------------------------------------------------------- the data

const paragraph = (section, text, more) => ({ section, tag: "p", text, terms: [], codes: [], place: "text", ...more });
const code = (section, text, ...codes) => paragraph(section, text, { codes });
const chapter = (name, title, sections, paragraphs, terms = []) => ({
  file: `chapters/${name}.md`, name, number: name.split("-")[0], title,
  sections: [title, ...sections].map((title, i) => ({ id: title.toLowerCase(), level: i ? 2 : 1, title })),
  paragraphs, listings: [], tables: [], terms,
});
const example = { files: [
  chapter("1-one", "One", ["Calls", "Close once"], [
    code(1, "You meet open, poll, EIO and SIGHUP here; read, close and stat, too.",
      "open", "poll", "read", "close", "stat"),
    paragraph(2, "Calls", { tag: "h" }), paragraph(2, "First a detail of SIGINT. SIGINT means: stop."),
    code(2, "See read(2) and stat(2).", "read(2)", "stat(2)"), code(2, "stat asks.", "stat"),
    paragraph(2, "ERANGE is a guess.", { place: "box:predict" }),
    paragraph(2, "An ending, like SIGHUP, is late. So there.", { terms: ["ending"] }),
    paragraph(3, "On poll", { tag: "h", codes: ["poll"] }), code(3, "With poll you wait.", "poll"),
    code(3, "Here close ends it.", "close"),
    paragraph(3, "Never a word of EDOM.", { place: "exercise" }), paragraph(3, "A pipe has no name: pipe.")],
  [{ section: 2, term: "ending", sentence: "An ending, like SIGHUP, is late." }]),
  chapter("2-two", "Two", [], [
    paragraph(1, "EPIPE is not EIO."), paragraph(1, "A broken disk is EIO.", { terms: ["EIO"] }),
    code(1, "open opens a file.", "open"), code(1, "read reads.", "read")]),
  chapter("a-table", "Table", [], [code(1, "open restarts.", "open"), paragraph(1, "SO_ERROR tells it."),
    paragraph(1, "It is bold here: open.", { codes: ["open"], terms: ["open"] })]),
] };

test("sections of the book are places, below their headings", () => {
  const { pages, places } = readBook(example);
  assert.deepEqual(pages.map(p => [p.name, p.title, p.chapter]),
    [["1-one.html", "1. One", true], ["2-two.html", "2. Two", true], ["a-table.html", "a. Table", false]]);
  assert.deepEqual(places.map(p => [p.page, p.title, p.id]),
    [[0, "", ""], [0, "Calls", "calls"], [0, "Close once", "close once"], [1, "", ""], [2, "", ""]]);
  assert.match(places[1].text, /^First a detail .* So there\.$/);
});
test("where a name stands says what explains it", () => {
  const book = readBook(example);
  for (const [how, name, place, text] of [
    ["bold", "EIO", 3, "A broken disk is EIO."],
    ["in a term's sentence", "SIGHUP", 1, "An ending, like SIGHUP, is late."],
    ["below its heading", "poll", 2, "With poll you wait."],
    ["a sentence begins with it", "SIGINT", 1, "SIGINT means: stop."],
    ["even before its manual page", "stat", 1, "stat asks."],
    ["its manual page", "read", 1, "See read(2) and stat(2)."],
    ["a later chapter, but no appendix", "open", 3, "open opens a file."],
    ["a word of the title", "close", 2, "Here close ends it."],
    ["in an appendix only", "SO_ERROR", 4, "SO_ERROR tells it."],
  ]) assert.deepEqual(definition(book, name), [place, text], how);
  for (const name of ["EDOM", "ERANGE", "pipe"]) assert.equal(definition(book, name), undefined, name);
});
test("the sentence with the name is quoted", () => {
  assert.equal(sentence("It waits. Then SIGINT comes. It ends.", "SIGINT"), "Then SIGINT comes.");
  assert.ok(sentence("word ".repeat(100) + "SIGINT " + "word ".repeat(100), "SIGINT").match(/^… .*SIGINT.* …$/));
});
test("rows of the table that end alike are one", () => {
  const table = readTable("reading  no SA_RESTART  SA_RESTART  stop, continue\nread (pipe)  EINTR  goes on  goes on\n" +
    "read (socket)  EINTR  goes on  goes on\nread (SO_RCVTIMEO)  EINTR  EINTR  EINTR\n" +
    "readv (pipe)  EINTR  goes on  goes on\n");
  assert.deepEqual(rowsOf(table, "read"), [
    "read (pipe, socket): EINTR; with SA_RESTART: goes on; when stopped and continued: goes on",
    "read (SO_RCVTIMEO): EINTR; with SA_RESTART: EINTR; when stopped and continued: EINTR"]);
});
test("of the error and the flag, the table is summed up", () => {
  const table = readTable("reading  no SA_RESTART  SA_RESTART  stop, continue\nread (pipe)  EINTR  goes on  goes on\n" +
    "poll  EINTR  EINTR  goes on\nepoll_wait  EINTR  EINTR  EINTR\nfread  goes on  goes on  goes on\n");
  assert.deepEqual(summaryOf(table, "EINTR"), ["of 4 waits, 3 end with EINTR after a handler without SA_RESTART, " +
    "2 after one with it, 1 after stop and continue"]);
  assert.deepEqual(summaryOf(table, "SA_RESTART"), ["of 3 waits that would end with EINTR, 1 go on with SA_RESTART"]);
  assert.deepEqual(summaryOf(table, "SIGINT"), []);
});

const made = name => fs.readFileSync(path.join(html, name), "utf8");
const zipped = name => zlib.gzipSync(made(name), { level: 9 }).length;
let data, text;
test("the data are scripts, and the same again", () => {
  const context = {};
  vm.runInNewContext(`${made("search-index.js")}\n${made("search-text.js")}`, context);
  [data, text] = [context.bookSearch, context.bookText];
  const before = [made("search-index.js"), made("search-text.js"), made("minisearch.js")];
  execFileSync("node", ["pandoc/html/search.mjs", path.dirname(html)]);
  assert.deepEqual([made("search-index.js"), made("search-text.js"), made("minisearch.js")], before);
});
test("every place is in a page, every source is there, every line has the word", () => {
  const ids = data.pages.map(([name]) => new Set([...made(name).matchAll(/\sid="([^"]*)"/g)].map(m => m[1])));
  for (const [page, title, id] of data.places) {
    assert.ok(!id || ids[page].has(id), `${data.pages[page][0]}#${id} ${title}`);
  }
  assert.equal(text.length, data.places.length);
  for (const source of data.sources) assert.ok(!source || fs.existsSync(path.join(html, "code", source)), source);
  for (const thing of data.things) {
    for (let i = 0; i < thing.uses?.length; i += 2) {
      const [source, line] = thing.uses.slice(i);
      const lines = fs.readFileSync(path.join("code", data.sources[source].replace(/\.html$/, "")), "utf8").split("\n");
      assert.ok(!line || lines[line - 1].includes(thing.name), `${thing.name} in ${data.sources[source]}:${line}`);
    }
  }
});
test("the things that a reader asks for are known", () => {
  const known = (name, kind) => data.things.find(t => t.name === name && t.kind === kind);
  for (const [name, kind] of Object.entries({ EINTR: "error", EPIPE: "error", SA_RESTART: "flag", SIGINT: "signal",
    SIGALRM: "signal", ppoll: "call", waitpid: "call", read: "call", sigaction: "call", "pending": "term" })) {
    const thing = known(name, kind);
    assert.ok(thing?.def, `${kind} ${name}`);
    assert.ok(thing.def[1].includes(name), thing.def[1]);
    assert.ok(text[thing.def[0]].includes(thing.def[1].replace(/^… | …$/g, "")), `${name} is quoted from its place`);
  }
  assert.ok(known("ppoll", "call").rows.length && known("EINTR", "error").uses.length);
  assert.ok(known("safe_io.h", "module").about && known("graceful_sigint", "program").place !== undefined);
  assert.ok(known("full_read", "function").line && known("test_safe_io", "tests"));
});
test("a first visit loads little, and a first search not much", () => {
  assert.ok(zipped("script.js") <= 3584, `script.js: ${zipped("script.js")} bytes`);
  const search = zipped("minisearch.js") + zipped("search-index.js");
  assert.ok(search <= 90 * 1024, `search: ${search} bytes`);
  console.log(`  gzip: script.js ${zipped("script.js")}, first search ${search}, ` +
    `its text ${zipped("search-text.js")} bytes`);
});
test("the library still has its license", () =>
  assert.match(made("minisearch.js").slice(0, 1500), /Copyright[\s\S]*Permission is hereby granted/));

// ---------------------------------------------------------------------------------------------------- the browser

const server = await serve(html);
const browser = await launch();
const chapterPage = "02-broken-by-sigalrm.html", sessions = "05-graceful-sigint.html";

for (const [where, root] of [["server", server.root], ["files", pathToFileURL(html).href + "/"]]) {
  // Runs with a fresh page, which must stay silent and ask nobody else.
  const inBrowser = (name, run, options = {}) => test(`${name} (${where})`, async () => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    try {
      if (where === "server") await context.grantPermissions(["clipboard-read", "clipboard-write"]);
      const page = await context.newPage();
      page.setDefaultTimeout(30000);
      const heard = [];
      page.on("console", message => heard.push(message.text()));
      page.on("pageerror", error => heard.push(error.message));
      page.on("request", request => { if (!request.url().startsWith(root)) heard.push(request.url()); });
      await run(page, name => page.goto(root + name), context);
      assert.deepEqual(heard, []);
    } finally {
      await context.close();
    }
  });
  const ask = async (page, query) => {
    if (!await page.locator("#search").isVisible()) await page.keyboard.press("/");
    await page.fill("#query", query);
    await page.waitForFunction(() => window.bookText && !/Loading/.test(document.querySelector(".found").textContent));
  };
  const firstOf = page => page.locator(".search-results section").first();
  // What was copied is pasted into the search field: a line break becomes a blank there, so ask the page's own event.
  const copied = async (page, button) => {
    await page.evaluate(() => {
      window.got = null;
      const write = navigator.clipboard?.writeText.bind(navigator.clipboard);
      if (write) navigator.clipboard.writeText = text => { window.got = text; return write(text); };
      document.addEventListener("copy", () => { window.got = document.activeElement.value; });
    });
    await button.click();
    await page.waitForFunction(() => document.querySelector("p.unseen[role=status]").textContent === "Copied");
    return page.evaluate(() => window.got);
  };

  inBrowser("things come before what is found in the text", async (page, go) => {
    await go(chapterPage);
    for (const [query, ...parts] of [
      ["EINTR", "error number", "is the error of a call", "of 95 waits, 81 end with EINTR", "Used in", "deaf_read.c",
        "Tested in"],
      ["SA_RESTART", "flag", "asks the kernel", "go on with SA_RESTART", "Used in", "restarted_read.c"],
      ["SIGINT", "signal", "the user at the terminal", "Used in"],
      ["ppoll", "call", "with a mask", "Used in five_waits.c", "ppoll: EINTR"],
      ["waitpid(2)", "call", "Used in", "waitpid: EINTR; with SA_RESTART: goes on"],
      ["safe_io.h", "module", "03-eintr-safe-wrapper/safe_io.h", "Used in", "graceful_sigint.c"],
      ["graceful_sigint", "program", "one Ctrl-C", "Explained in 5. Graceful"],
      ["graceful_sigint.c", "program"],
      ["eagain", "error number", "non-blocking"],
      ["pending", "term", "2. Broken by SIGALRM"],
      ["test_signal_facts", "tests"],
    ]) {
      await ask(page, query);
      const shown = await firstOf(page).innerText();
      for (const part of parts) assert.ok(shown.includes(part), `${query}: no "${part}" in:\n${shown}`);
    }
    await ask(page, "SIGA");
    assert.match(await firstOf(page).innerText(), /^Things\s+SIGALRM, signal/);
    await ask(page, "mq_rec"); // has no explanation, but a row in the table
    assert.match(await firstOf(page).locator("a").first().getAttribute("href"), /a-what-restarts\.html#/);
  });
  inBrowser("words are found in the text, misspelled ones too, with the line that has them", async (page, go) => {
    await go("index.html");
    for (const query of ["spurious wake", "spurius wake-ups"]) {
      await ask(page, query);
      assert.match(await page.locator(".search-results").innerText(), /4\. A thread timer › .*\n.*spurious wake/i);
    }
    await ask(page, "one flag");
    assert.match(await firstOf(page).innerText(), /^In the text\s+2\. Broken by SIGALRM › One flag/);
    await ask(page, "xyzzyx");
    assert.equal(await page.locator(".found").innerText(), "Nothing found.");
    await ask(page, "<b>&\\(");
    await ask(page, "");
    assert.equal(await page.locator(".search-results").innerText(), "");
  });
  inBrowser("keys: / opens, arrows move, Enter goes, Escape leaves", async (page, go) => {
    await go(chapterPage);
    await page.keyboard.press("/");
    assert.equal(await page.evaluate(() => document.activeElement.id), "query");
    await page.keyboard.type("a/b?"); // not while typing in a field
    assert.equal(await page.inputValue("#query"), "a/b?");
    assert.ok(!await page.locator("#help").isVisible());
    await page.keyboard.press("Escape");
    assert.ok(!await page.locator("#search").isVisible());
    await ask(page, "waitpid");
    await page.keyboard.press("ArrowUp");
    assert.ok(await page.evaluate(() =>
      document.activeElement === [...document.querySelectorAll(".search-results a")].pop()));
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    const href = await page.evaluate(() => document.activeElement.href);
    assert.match(href, /\.html#[\w-]+:~:text=/);
    await page.keyboard.press("Enter");
    await page.waitForURL(url => url.href.startsWith(href.replace(/:~:.*/, "")));
    await ask(page, "who_gets_it");
    await page.keyboard.press("Enter"); // from the field: to the first
    await page.waitForURL(/code\/05-graceful-sigint\/who_gets_it\.c/);
  });
  inBrowser("? lists the keys; Control and / is the browser's", async (page, go) => {
    await go(chapterPage);
    await page.keyboard.press("Control+/");
    assert.ok(!await page.locator("#search").isVisible());
    await page.keyboard.press("?");
    assert.match(await page.locator("#help").innerText(), /search the book[\s\S]*this list/);
    await page.keyboard.press("/"); // one dialog at a time
    assert.ok(!await page.locator("#search").isVisible());
    await page.keyboard.press("Escape");
    assert.ok(!await page.locator("#help").isVisible());
  });
  inBrowser("a result in the same page closes the search and goes there", async (page, go) => {
    await go(chapterPage);
    await ask(page, "One flag");
    await page.locator(".search-results a").first().click();
    assert.ok(!await page.locator("#search").isVisible());
    await page.waitForFunction(() => Math.abs(document.querySelector("#one-flag").getBoundingClientRect().top) < 300);
  });
  inBrowser("of a listing the code is copied, of a session the commands", async (page, go) => {
    await go(sessions);
    const listing = page.locator("figure.listing:visible", { hasText: "The child" }).first();
    const code = await copied(page, listing.locator(".copy"));
    const name = await listing.locator("figcaption a").getAttribute("href");
    const source = fs.readFileSync(name.replace(/\.(html|txt)(#.*)?$/, ""), "utf8");
    assert.ok(code.length > 20 && source.includes(code), `not from ${name}:\n${code}`);
    await go(sessions);
    const session = page.locator(".copyable:visible", { hasText: "who_gets_it &" }).first();
    assert.equal(await copied(page, session.locator(".copy")), "./who_gets_it &\nkill -INT $!\nwait\n");
  });
  inBrowser("every listing and every session with commands has one copy button, with a name", async (page, go) => {
    await go(sessions);
    const counts = await page.evaluate(() => {
      const all = selector => [...document.querySelectorAll(selector)];
      const named = b => /^Copy (this code|the commands?)$/.test(b.getAttribute("aria-label"));
      return [all("figure.listing .copy").length, all("figure.listing").length, all(".copyable > .copy").length,
        all("pre.session").filter(s => s.querySelector("kbd:not([class])")).length,
        all(".copy").filter(b => !named(b)).length];
    });
    assert.ok(counts[0] > 50 && counts[2] > 20);
    assert.deepEqual([counts[0], counts[2], 0], [counts[1], counts[3], counts[4]]);
  });
  inBrowser("copying works without navigator.clipboard, and keeps the focus", async (page, go) => {
    await page.addInitScript(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
    await go(sessions);
    const button = page.locator(".copyable:visible", { hasText: "who_gets_it &" }).first().locator(".copy");
    assert.equal(await copied(page, button), "./who_gets_it &\nkill -INT $!\nwait\n");
    assert.ok(await button.evaluate(b => b === document.activeElement));
  });
  inBrowser("the theme goes round and is remembered", async (page, go) => {
    await go(chapterPage);
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme ?? "system");
    const button = page.locator("#tools button", { hasText: "Theme" });
    const seen = [await theme()];
    for (let i = 0; i < 3; i++) { await button.click(); seen.push(await theme()); }
    assert.deepEqual(seen, ["system", "dark", "light", "system"]);
    await button.click();
    await page.addInitScript(() => new MutationObserver(() => {
      if (document.body) window.lightAtFirst ??= document.documentElement.dataset.theme ?? "system";
    }).observe(document, { childList: true, subtree: true }));
    await go("index.html");
    assert.equal(await page.evaluate(() => window.lightAtFirst), "dark"); // before there is anything to draw
    assert.equal(await theme(), "dark");
    assert.equal(await button.innerText(), "Theme: dark");
  });
  inBrowser("where storage is forbidden, all else works", async (page, go) => {
    await page.addInitScript(() =>
      Object.defineProperty(window, "localStorage", { get() { throw new DOMException("no"); } }));
    await go(chapterPage);
    await page.locator("#tools button", { hasText: "Theme" }).click();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
    await ask(page, "EINTR");
    assert.match(await firstOf(page).innerText(), /error number/);
  });
  inBrowser("the section being read is marked, and the front page offers to go on there", async (page, go) => {
    await go("index.html");
    assert.equal(await page.locator(".continue").count(), 0);
    await go(chapterPage);
    const marked = () => page.locator("nav.side [aria-current=location]");
    assert.equal(await marked().count(), 0);
    await page.evaluate(() => document.querySelector("#one-flag").scrollIntoView());
    await page.waitForFunction(() => document.querySelector("nav.side [aria-current=location]")?.hash === "#one-flag");
    assert.equal(await marked().count(), 1);
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    await page.waitForFunction(() =>
      /exercises|further/.test(document.querySelector("nav.side [aria-current=location]")?.hash));
    await page.evaluate(() => document.querySelector("#one-flag").scrollIntoView());
    await page.waitForFunction(() => document.querySelector("nav.side [aria-current=location]")?.hash === "#one-flag");
    await go("index.html");
    assert.equal(await page.locator(".continue").innerText(), "Continue: 2. Broken by SIGALRM, One flag");
    await page.locator(".continue a").click();
    await page.waitForURL(/02-broken-by-sigalrm\.html#one-flag$/);
  });
  inBrowser("a first visit loads no search", async (page, go) => {
    const asked = [];
    page.on("request", request => asked.push(request.url()));
    await go(chapterPage);
    assert.deepEqual(asked.map(url => url.slice(root.length)).sort(), [chapterPage, "script.js", "style.css"].sort());
  });
  inBrowser("the tools fit at 320 pixels", async (page, go) => {
    await go(chapterPage);
    await ask(page, "SA_RESTART");
    assert.ok(await page.evaluate(() => {
      const search = document.querySelector("#search");
      return search.scrollWidth <= search.clientWidth && document.documentElement.scrollWidth <= 320;
    }));
  }, { viewport: { width: 320, height: 600 } });
  inBrowser("without JavaScript there are no dead buttons", async (page, go) => {
    await go(chapterPage);
    assert.equal(await page.locator("button").count(), 0);
  }, { javaScriptEnabled: false });
}

// ---------------------------------------------------------------------------------------------------- running

await runTests("test_script", tests, async () => {
  await browser.close();
  server.close();
});
