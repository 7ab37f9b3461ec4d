// Tests of check_site.mjs: node check/test_check_site.mjs build/html [NAME]
// A small page is made of chapter 1. It has no mistake. Then one thing at a time is broken, all checks look at the
// page, and those that should say so, and no others. With NAME, only the tests with that in their names run.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { pathToFileURL } from "node:url";
import { launch, runTests, serve } from "./browser.mjs";
import { checkPage, launchForLighthouse, names, openWindows, pagesForAll, pagesOf, scoreMistakes, tryScores }
  from "./check_site.mjs";

const html = path.resolve(process.argv[2]);
const tests = [];
const test = (name, run) => { if (name.includes(process.argv[3] ?? "")) tests.push([name, run]); };

// ---------------------------------------------------------------------------------------------------- small pages

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "check_site-"));
const real = name => fs.readFileSync(path.join(html, name), "utf8");
const between = (text, from, to) => text.slice(text.indexOf(from), text.indexOf(to, text.indexOf(from)));

// A listing, a box with a closed answer, a recorded run: cut from chapter 1.
const chapter = "01-blocking-pipe.html", whole = real(chapter);
const small = whole.slice(0, whole.indexOf("<p>")) +
  between(whole, '<figure class="listing" id="blocking_pipe.c-3">', '<h2 id="underneath') +
  whole.slice(whole.indexOf("</main>"));
const parts = { [chapter]: small };
for (const name of ["index.html", "style.css", "script.js"]) parts[name] = real(name);

// Write the pages anew, changed by edit: an object of functions from text to text, by name. What else they lead to
// and load is linked.
function plant(edit = {}) {
  fs.rmSync(folder, { recursive: true });
  fs.mkdirSync(folder);
  for (const name of fs.readdirSync(html)) fs.symlinkSync(path.join(html, name), path.join(folder, name));
  for (const name in parts) fs.rmSync(path.join(folder, name)); // the link, and not what it leads to
  for (const name in parts) fs.writeFileSync(path.join(folder, name), parts[name]);
  for (const [name, change] of Object.entries(edit)) {
    const before = parts[name] ?? "", after = change(before);
    assert.notEqual(after, before, `${name} is unchanged`);
    fs.writeFileSync(path.join(folder, name), after);
  }
}
const inText = more => text => text.replace("<h2 id", more + "<h2 id");
const inHead = more => text => text.replace("<link rel=\"stylesheet\"", more + "<link rel=\"stylesheet\"");
const after = more => text => text + "\n" + more + "\n";
const instead = (old, other) => text => text.replace(old, other);
const drawing = '<svg class="run" width="99" height="50" role="img" aria-label="line">' +
  '<path d="M0 9H90"/><text y="40">word</text></svg>';
const page = change => ({ [chapter]: change });
const css = more => ({ "style.css": after(more) });
const js = more => ({ "script.js": after(`document.addEventListener("DOMContentLoaded", () => { ${more} });`) });

const server = await serve(folder), browser = await launch();
const elsewhere = await serve(path.join(html, "figures"));
const windows = await openWindows(browser, server.root, pathToFileURL(folder).href + "/");

// Break something: all the named checks have to report it, each in a line that has a word in it, and no other check.
// (Of those that take long, only the one that the test is about, and the named ones, are asked; with "all:", all.)
const long = ["keyboard", "links", "tools"];
function broken(name, edit, expected, file = chapter) {
  const about = name.split(":")[0];
  const wanted = names.filter(check => about === "all" || !long.includes(check) || check === about ||
    check in expected);
  test(name, async () => {
    plant(edit);
    const mistakes = await checkPage(windows, file, { wanted });
    const all = mistakes.map(([check, text]) => `${check}: ${text}`).join("\n  ");
    assert.deepEqual([...new Set(mistakes.map(m => m[0]))].sort(), Object.keys(expected).sort(), `reported:\n  ${all}`);
    for (const [check, word] of Object.entries(expected)) {
      assert.ok(mistakes.some(m => m[0] === check && m[1].includes(word)), `no "${word}" in:\n  ${all}`);
    }
  });
}

// ---------------------------------------------------------------------------------------------------- the checks

broken("all: the small page has no mistake", {}, {});
broken("all: the front page has none", {}, {}, "index.html");

test("how a page looks is checked if it has a part that no page before had", async () => {
  const known = new Set(), checks = async () =>
    [...new Set((await checkPage(windows, chapter, { all: false, known })).map(([check]) => check))].sort();
  const faint = "@media screen { .box p { color: light-dark(#999, #777); } }";
  plant(css(faint));
  assert.deepEqual(await checks(), ["contrast"]);
  assert.deepEqual(await checks(), []);
  plant({ ...css(faint), ...page(inText('<div class="large">wide</div>')) });
  assert.deepEqual(await checks(), ["contrast"]);
  plant({ ...css(".box { width: 500px; }"), ...page(inText('<p style="margin: 0">bare</p>')) });
  known.clear();
  await checks();
  assert.deepEqual(await checks(), ["csp", "overflow", "silent"]);
});

broken("axe: a button without a name",
  js(`const b = document.createElement("button"); b.className = "copy"; document.querySelector("main").append(b);`),
  { axe: "button-name" });
broken("axe: a picture without alt", page(inText('<p><img src="figures/01-blocking_pipe.svg"></p>')),
  { axe: "image-alt" });
broken("axe: in what was closed",
  page(instead("<p>Both are", '<p><img src="figures/01-blocking_pipe.svg"></p><p>Both are')),
  { axe: "image-alt" });
broken("axe: a page without a language", page(instead(' lang="en-US"', "")), { axe: "html-has-lang" });

broken("contrast: text, in the dark only", css(".box p { color: light-dark(#23211e, #777); }"),
  { axe: "dark by the switch", contrast: "(dark)" });
broken("contrast: text of 6:1 is not enough", css("@media screen { .box p { color: light-dark(#636363, #ddd); } }"),
  { axe: "color-contrast-enhanced", contrast: "less than 7:1" });
broken("contrast: the numbers of lines", css(".numbers { color: #aaa; }"), { contrast: "::before" });
broken("contrast: what an address leads to", css(".listing:target pre { color: light-dark(#777, #fff); }"),
  { contrast: "figure#blocking_pipe.c-3 code" });
broken("contrast: a drawing", page(inText(drawing)), {});
broken("contrast: a faint drawing",
  { ...page(inText(drawing)), ...css(".run path { stroke: #999; } .run text { fill: #999; }") },
  { contrast: "stroke", print: "printed in" });

broken("tools: faint in the search", css(".search-results .line { color: light-dark(#999, #fff); }"),
  { tools: "the search" }, "index.html");
broken("tools: none", { "script.js": instead('?.append(searchButton, themeButton, helpButton)', '?.append("")') },
  { tools: "no tools" }, "index.html");

broken("silent: a word on the console", js('console.log("here")'), { silent: "it says: here" });
broken("silent: an error", js('setTimeout(() => { throw new Error("late"); })'), { silent: "it throws: late" });
broken("silent: another origin",
  page(text => text.replace("img-src", "img-src *")
    .replace("<h2 id", `<p><img alt="x" src="${elsewhere.root}01-blocking_pipe.svg"></p><h2 id`)),
  { silent: "it asks another origin" });
broken("silent: a missing file", page(inHead('<link rel="stylesheet" href="missing.css">')), { silent: "status 404" });
broken("silent: what only files lack", js('if (location.protocol === "file:") console.warn("no server")'),
  { silent: "from files" });

broken("weight: a large script",
  { "large.js": () => `// ${randomBytes(150000).toString("base64")}`,
    ...page(inHead('<script src="large.js" defer></script>')) },
  { weight: "more than 44000" });
broken("weight: many requests",
  { "1.js": () => " ", "2.js": () => " ", ...page(inHead('<script src="1.js"></script><script src="2.js"></script>')) },
  { weight: "5 requests" });

broken("overflow: 500 pixels", { ...page(inText('<div class="large">wide</div>')), ...css(".large { width: 500px; }") },
  { overflow: "to 518" });
broken("overflow: in what was closed",
  { ...page(instead("<p>Both are", '<div class="large">wide</div><p>Both are')), ...css(".large { width: 500px; }") },
  { overflow: "at 320 x 256" });
broken("overflow: a box that no key scrolls", { ...page(inText('<div class="box"><div class="large">wide</div></div>')),
  ...css("@media screen { .box { overflow-x: auto; } .large { width: 500px; } }") }, { overflow: "no key" });
broken("overflow: cut off", { ...page(inText('<div class="box"><div class="large">wide</div></div>')),
  ...css("@media screen { .box { overflow-x: hidden; } .large { width: 500px; } }") }, { overflow: "cuts off" });
broken("overflow: a box that is reached",
  { ...page(inText('<div class="box" tabindex="0" role="group" aria-label="Wide"><div class="large">wide</div></div>')),
  ...css("@media screen { .box { overflow-x: auto; } .large { width: 500px; } }") }, {});

broken("keyboard: no outline", css(":focus-visible { outline: none !important; }"), { keyboard: "does not show" });
broken("keyboard: a faint outline", css(":focus-visible { outline-color: var(--line) !important; }"),
  { keyboard: "the focus has a contrast" });
broken("keyboard: a thin outline", css(":focus-visible { outline-width: 1px !important; }"),
  { keyboard: "does not show" });
broken("keyboard: a shadow is as good",
  css(":focus-visible { outline: none !important; box-shadow: 0 0 0 3px var(--accent) !important; }"),
  {});
broken("keyboard: an order of its own", page(inText('<p><a href="#text" tabindex="3">first</a></p>')),
  { keyboard: "tabindex 3", axe: "tabindex" });
broken("keyboard: a trap", js(`document.querySelector("main summary").addEventListener("keydown",
  event => { if (event.key === "Tab") event.preventDefault(); });`), { keyboard: "instead of" });
broken("keyboard: the last one is a trap",
  js(`document.querySelector("[rel=next]").addEventListener("keydown", event => event.preventDefault());`),
  { keyboard: "does not get away" });
broken("keyboard: no link that skips", page(text => text.replace(/<a class="skip".*?<\/a>/, "")),
  { keyboard: "no link that skips" });
broken("keyboard: one that leads nowhere", page(instead('class="skip" href="#text"', 'class="skip" href="#nowhere"')),
  { keyboard: "no link that skips", axe: "skip-link" });
broken("keyboard: the focus behind a bar", { ...js('document.body.classList.add("barred");'),
  ...css(".barred .top { position: fixed; inset: 0 0 20% 0; background: var(--paper); z-index: 1; }") },
  { keyboard: "behind header" });
broken("keyboard: the focus out of sight", css("main summary:focus { position: fixed; left: -900px; }"),
  { keyboard: "out of sight" });
broken("keyboard: a button that stays transparent", css(".copyable > .copy { opacity: 0 !important; }"),
  { keyboard: "transparent" });

broken("print: answers stay closed", css("@media print { details::details-content { content-visibility: hidden; } }"),
  { print: "it is not printed" });
broken("print: the contents", css("@media print { body > .fold { display: block; } }"), { print: "nav.fold" });
broken("print: buttons", css("@media print { .copy { display: block; } }"), { print: "button.copy" });
broken("print: in the dark", css("@media print { [data-theme=dark] { --paper: #222; --ink: #fff; } }"),
  { print: "the paper is not white" });
broken("print: gray", css("@media print { main p { color: #888; } }"), { print: "printed in" });
broken("print: wider than the paper", css("@media print { .box { width: 900px; } }"), { print: "of 718" });
broken("print: cut off", css("@media print { pre { white-space: pre; overflow: auto; width: 100px; } }"),
  { print: "cuts off" });

broken("noscript: text that waits for a script",
  { ...page(inText('<p class="late">Late.</p>')), ...css(".late { display: none; } .late.now { display: block; }"),
  ...js('document.querySelector(".late").classList.add("now");') }, { noscript: "it does not show" });
broken("noscript: a dead button", page(inText('<button class="copy" type="button">Do it</button>')),
  { noscript: "it does nothing" });
broken("links: no contents on a phone", css(".fold summary { display: none; }"), { links: "no contents" });
broken("links: an answer that does not open", css("@media screen { main details > p { display: none; } }"),
  { links: "it does not open" });
broken("links: next leads nowhere", page(instead('rel="next" href="02-broken-by-sigalrm.html"', 'rel="next" href="#"')),
  { noscript: "it leads nowhere", links: "it does not lead" });
broken("links: next leads to a missing page",
  page(instead('rel="next" href="02-broken-by-sigalrm.html"', 'rel="next" href="missing.html"')),
  { links: "it does not lead" });

broken("motion: a transition", css(".box { transition: tab-size 1s; }"), { motion: "a transition of 1s" });
broken("motion: an animation",
  css("@keyframes turn { to { tab-size: 3; } } .box::before { animation: turn 1s infinite; }"),
  { motion: "an animation" });
broken("motion: smooth scrolling", css("pre { scroll-behavior: smooth; }"), { motion: "smoothly" });
broken("motion: with leave of the reader",
  css("@media (prefers-reduced-motion: no-preference) { .box { transition: tab-size 1s; } }"),
  {});

broken("csp: no policy", page(text => text.replace(/<meta http-equiv.*/, "")), { csp: "no Content-Security-Policy" });
broken("csp: unsafe-inline", page(instead("style-src 'self'", "style-src 'self' 'unsafe-inline'")),
  { csp: "'unsafe-inline'" });
broken("csp: a policy that comes late", page(text => text.replace(/(<meta http-equiv.*\n)([^]*)(<script)/, "$2$1$3")),
  { csp: "after what it is for" });
broken("csp: a style attribute", page(instead("<aside", '<aside style="margin: 0"')),
  { csp: "a style attribute", silent: "it says" });
broken("csp: a script in the page", page(inText("<script>document.title += 1</script>")),
  { csp: "a script in the page", silent: "it says" });
broken("csp: an onclick", page(instead("<aside", '<aside onclick="x()"')),
  { csp: "a onclick attribute", noscript: "it does nothing", silent: "it says" });

// ---------------------------------------------------------------------------------------------------- Lighthouse

const scoreOf = async edit => {
  plant(edit);
  const chrome = await launchForLighthouse();
  try {
    const { mistakes } = await tryScores(chrome.port, server.root, chapter, "phone", 1);
    return mistakes.filter(text => !text.startsWith("performance")); // one try, and the machine may be busy
  } finally {
    chrome.kill();
  }
};
test("lighthouse: the small page has no mistake", async () => assert.deepEqual(await scoreOf({}), []));
test("lighthouse: no title and no description", async () => {
  const bare = text => text.replace(/<title>.*\n/, "").replace(/<meta name="description".*\n/, "");
  const mistakes = await scoreOf(page(bare));
  assert.match(mistakes.join("\n"), /^seo .*meta-description/m);
  assert.match(mistakes.join("\n"), /^accessibility .*document-title/m);
});
test("lighthouse: a word of error on the console", async () =>
  assert.match((await scoreOf(js('console.error("here")'))).join("\n"), /^best-practices .*errors-in-console/m));
test("lighthouse: a slow page", () => {
  const slow = (name, points) => scoreMistakes({ scores: [points, 100, 100, 100], lost: ["x 1 s"] }, name, "phone");
  assert.deepEqual([slow(chapter, 90), slow("book.html", 75)], [[], []]);
  assert.deepEqual(slow(chapter, 89), ["performance 89 (phone), x 1 s"]);
  assert.deepEqual(slow("book.html", 74), ["performance 74 (phone), x 1 s"]);
});

// ---------------------------------------------------------------------------------------------------- the call

const call = (...args) => spawnSync("node", ["check/check_site.mjs", ...args], { encoding: "utf8" });
test("a call that is wrong", () => {
  for (const args of [[], ["--wrong"], ["nowhere"], [folder, "nowhere.html"]]) {
    const { status, stdout, stderr } = call(...args);
    assert.deepEqual([status, stdout, stderr.startsWith("usage: ")], [2, "", true], args.join(" "));
  }
});
test("mistakes are lines, and the exit status", () => {
  plant(js('console.log("here")'));
  const bad = call(folder, chapter);
  assert.equal(bad.status, 1, bad.stderr);
  for (const line of bad.stdout.trim().split("\n")) {
    assert.match(line, /^01-blocking-pipe\.html: silent: .*it says: here, /);
  }
  plant();
  const good = call(folder, chapter);
  assert.deepEqual([good.status, good.stdout, good.stderr.replace(/^\/usr\/bin\/chromium.*\n/gm, "")], [0, "", ""]);
});
test("pages of programs: all are known, and the shortest and the longest of each language get all checks", () => {
  const pages = pagesOf(html), chosen = pagesForAll(html, pages);
  const found = execFileSync("find", [html, "-name", "*.html"], { encoding: "utf8" }).trim().split("\n");
  assert.equal(pages.length, found.length);
  for (const name of pages) if (!name.includes("/")) assert.equal(chosen.has(name), name !== "book.html", name);
  for (const language of ["c", "h", "py"]) {
    assert.equal([...chosen].filter(name => name.endsWith(`.${language}.html`)).length, 2, language);
  }
});
test("each check has a test", () => {
  const source = fs.readFileSync(new URL(import.meta.url), "utf8");
  for (const name of names) assert.match(source, new RegExp(`broken\\("${name}: `), name);
});

// ---------------------------------------------------------------------------------------------------- running

await runTests("test_check_site", tests, async () => {
  await browser.close();
  server.close();
  elsewhere.close();
  fs.rmSync(folder, { recursive: true });
});
