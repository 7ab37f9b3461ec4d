// Look at the pages as readers do, in headless Chromium: in the light and in the dark, on a phone, on paper, with the
// keyboard only, without JavaScript.
//
//   node check/check_site.mjs build/html [PAGE...]
//   node check/check_site.mjs --lighthouse build/html [PAGE...]
//
// Each mistake is one line: page: check: what is wrong, where. Exit status 1 if there are any, 2 if the call is wrong.
//
// A check is a function of a visit: an open page and what it has said and asked for. Each check first makes the page
// look as it needs it, so that it can run alone and in any order; only weight has to be the first.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { chromium, flags, installed, launch, serve } from "./browser.mjs";

// ---------------------------------------------------------------------------------------------------- visits

// A window in which one page after the other is looked at, as if it were the first: the server lets
// nothing be cached, and what the page remembers is cleared.
async function openWindow(browser, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(60000);
  return { page, devtools: await context.newCDPSession(page) };
}

// Open a page, and record what it says and asks for, from its first moment on.
async function visit({ page, devtools, root }, name, depth) {
  const seen = { page, devtools, root, name, depth, heard: [], sizes: [] };
  listen(seen);
  seen.open = async () => {
    seen.response = await page.goto(root + name);
    await page.evaluate(helpers);
  };
  seen.close = async () => {
    page.removeAllListeners();
    await page.evaluate(() => { try { localStorage.clear(); } catch { /* then there is none */ } });
  };
  await look(seen); // a narrow page may ask for other things than a wide one
  await seen.open();
  return seen;
}

const isData = url => /^(data|blob):/.test(url);

function listen({ page, root, heard, sizes }) {
  page.on("console", message => heard.push(`it says: ${message.text()}, ${message.location().url ?? ""}`));
  page.on("pageerror", error => heard.push(`it throws: ${error.message}`));
  page.on("dialog", dialog => { heard.push(`it asks: ${dialog.message()}`); dialog.dismiss(); });
  page.on("websocket", socket => heard.push(`it asks another origin: ${socket.url()}`));
  page.on("request", request => {
    const url = request.url();
    if (!isData(url) && !url.startsWith(root)) heard.push(`it asks another origin: ${url}`);
  });
  page.on("requestfailed", request => heard.push(`not loaded: ${request.url()}, ${request.failure()?.errorText}`));
  page.on("response", response => {
    if (response.status() >= 400) heard.push(`not loaded: ${response.url()}, status ${response.status()}`);
  });
  page.on("requestfinished", request => {
    if (isData(request.url())) return;
    sizes.push(request.sizes().then(size => [request.url().slice(root.length), size.responseBodySize]));
  });
}

// Make the page look a certain way: all that is not said is as on a desk in the morning, as first opened.
async function look({ page }, state = {}) {
  const { width = 1280, height = 900, scheme = "light", theme, open = false } = state;
  const { media = "screen", motion = "no-preference" } = state;
  const size = page.viewportSize();
  if (width !== size.width || height !== size.height) await page.setViewportSize({ width, height });
  await page.emulateMedia({ media, colorScheme: scheme, reducedMotion: motion });
  // On a busy machine the page may not have been laid out for paper yet.
  if (media === "print") {
    await page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))));
  }
  await page.evaluate(([theme, open]) => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    for (const details of window.checking ? document.querySelectorAll("details") : []) {
      details.open = open || checking.opened.has(details);
    }
  }, [theme, open]);
}

const phone = { width: 360, height: 640 };

// What the checks use in the page. It is found there as checking.
function helpers() {
  const text = (element, length) => element.textContent.trim().replace(/\s+/g, " ").slice(0, length);

  // Where an element is: itself, after the nearest one with an id.
  const own = e => e.localName + (e.id ? "#" + e.id : [...e.classList].map(name => "." + name).join(""));
  const where = e => {
    const around = e.id ? null : e.parentElement?.closest("[id]");
    return (around ? own(around) + " " : "") + own(e) + (text(e, 1) ? ` "${text(e, 40)}"` : "");
  };

  const visible = e => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
  // Made for ears only: one pixel, or clipped away.
  const forEars = e => e.closest(".dot, .unseen") !== null && e.closest(".dot, .unseen").offsetWidth <= 1;

  // Colors as [red, green, blue, alpha], each from 0 to 1.
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const color = css => {
    if (known.has(css)) return known.get(css);
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = css;
    pen.fillRect(0, 0, 1, 1);
    const parts = [...pen.getImageData(0, 0, 1, 1).data].map(part => part / 255);
    known.set(css, parts);
    return parts;
  };
  const over = (front, back) => [0, 1, 2].map(i => front[i] * front[3] + back[i] * (1 - front[3])).concat(1);
  const light = parts => parts.slice(0, 3).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const contrast = (a, b) => {
    const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
    return (high + .05) / (low + .05);
  };

  // The color behind what an element contains, and how much of it is seen (what is hidden until it is pointed at counts
  // as shown). Both are kept until forget() is called, since something has changed.
  let grounds = new Map(), opacities = new Map();
  const forget = () => { grounds = new Map(); opacities = new Map(); };
  const kept = (map, e, find) => map.get(e) ?? map.set(e, find()).get(e);
  const ground = e => e ? kept(grounds, e, () => {
    const here = color(getComputedStyle(e).backgroundColor);
    return here[3] === 1 ? here : over(here, ground(e.parentElement));
  }) : [1, 1, 1, 1];
  const opacity = e => e ? kept(opacities, e, () =>
    (Number(getComputedStyle(e).opacity) || 1) * opacity(e.parentElement)) : 1;

  // All is laid out, also what is far from the screen: nobody scrolls here.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("* { content-visibility: visible !important; }");
  document.adoptedStyleSheets.push(sheet);

  window.checking = { text, where, visible, forEars, color, over, contrast, ground, opacity, forget,
    opened: new Set(document.querySelectorAll("details[open]")) };
}

// ---------------------------------------------------------------------------------------------------- what it loads

const limits = { requests: 4, bytes: 44000 };

// A page with all that it loads at first is small. book.html is the whole book, and may be as large as that is.
export async function weight({ name, sizes }) {
  const files = await Promise.all(sizes);
  const bytes = files.reduce((sum, [, size]) => sum + size, 0);
  const mistakes = [];
  if (files.length > limits.requests) {
    mistakes.push(`${files.length} requests, more than ${limits.requests}: ${files.map(f => f[0]).join(", ")}`);
  }
  if (bytes > limits.bytes && name !== "book.html") {
    mistakes.push(`${bytes} bytes, more than ${limits.bytes}: ${files.map(f => f.join(" ")).join(", ")}`);
  }
  return mistakes;
}

// Whatever the other checks did, the page said nothing, missed nothing, and asked nobody else.
export async function silent({ heard }) {
  return [...new Set(heard)];
}

// ---------------------------------------------------------------------------------------------------- its source

// Of the page as it was sent, before any script.
export async function csp({ page, response }) {
  return page.evaluate(source => {
    const mistakes = [], sent = new DOMParser().parseFromString(source, "text/html");
    const meta = sent.querySelector("meta[http-equiv='Content-Security-Policy' i]");
    const policy = meta?.content ?? "";
    if (!meta) mistakes.push("no Content-Security-Policy, head");
    else if (!/(^|;)\s*default-src\s/.test(policy)) mistakes.push("the policy has no default-src, meta");
    const first = sent.querySelector("link[rel=stylesheet], script");
    if (meta && first?.compareDocumentPosition(meta) & Node.DOCUMENT_POSITION_FOLLOWING) {
      mistakes.push("the policy comes after what it is for, meta");
    }
    for (const word of policy.match(/'unsafe-(inline|eval|hashes)'/g) ?? []) {
      mistakes.push(`the policy allows ${word}, meta`);
    }
    for (const e of sent.querySelectorAll("script:not([src]), style")) {
      mistakes.push(`a ${e.localName} in the page, ${checking.where(e)}`);
    }
    for (const e of sent.querySelectorAll("*")) {
      for (const { name, value } of e.attributes) {
        if (name === "style" || name.startsWith("on")) mistakes.push(`a ${name} attribute, ${checking.where(e)}`);
        if (/^\s*javascript:/i.test(value)) mistakes.push(`a javascript: address, ${checking.where(e)}`);
      }
    }
    return mistakes;
  }, await response.text());
}

// ---------------------------------------------------------------------------------------------------- axe and contrast

// axe's own rules, and enough contrast for all text. Both themes, both widths, everything opened. (Where not all is
// checked, the colors, which take axe long, are left to the check of contrast.)
const axeRules = colors => ({ resultTypes: ["violations"],
  rules: { "color-contrast": { enabled: colors }, "color-contrast-enhanced": { enabled: colors } } });
const axeSource = fs.readFileSync(installed.resolve("axe-core/axe.min.js"), "utf8");

async function runAxe({ page, depth }, said) {
  if (!await page.evaluate(() => "axe" in window)) await page.evaluate(axeSource);
  const found = await page.evaluate(async rules => {
    const { violations } = await axe.run(document, rules);
    return violations.flatMap(({ id, help, nodes }) => nodes.map(node =>
      [id, help, node.target.flat().join(" "), node.any[0]?.message ?? ""]));
  }, axeRules(depth === ALL));
  return found.map(([id, help, target, message]) =>
    `${id} (${said}): ${help}${message ? ": " + message : ""}, ${target}`);
}

export async function axe(visit) {
  await look(visit, { open: true });
  const mistakes = await runAxe(visit, "light by the system");
  if (visit.depth < ALL) return mistakes;
  await look(visit, { ...phone, theme: "dark", open: true });
  return mistakes.concat(await runAxe(visit, "dark by the switch, phone"));
}

// Text on its ground has a contrast of 7:1, all else that is read or drawn 4.5:1: numbers of lines, ticks, marks and
// other things that the style sheet writes, and the lines of the figures. axe sees none of those.
// What an address leads to has a ground of its own, so each kind of it is looked at too, on the pages with all checks.
export async function contrast(visit) {
  const mistakes = [];
  for (const scheme of ["light", "dark"]) {
    await look(visit, { scheme, open: true });
    mistakes.push(...await visit.page.evaluate(findFaint,
      [[scheme, scheme === "dark" ? "light" : "dark"], visit.depth === ALL]));
  }
  return [...new Set(mistakes)];
}

// Of the themes, the first is that of the system; the others are chosen by the switch.
function findFaint([themes, ledTo]) {
  const { text, where, visible, color, over, contrast, ground, opacity, forget } = checking;
  const faint = new Map();
  let theme;
  const judge = (front, back, least, e, what) => {
    const behind = over(back, [1, 1, 1, 1]);
    const ratio = contrast(over([...front.slice(0, 3), front[3] * opacity(e)], behind), behind);
    if (ratio >= least - .005) return;
    const kind = [ratio.toFixed(2), e.localName, e.className.baseVal ?? e.className, what, theme].join(" ");
    if (faint.has(kind)) return;
    faint.set(kind, `${what} has a contrast of ${ratio.toFixed(2)}:1, less than ${least}:1 (${theme}), ${where(e)}`);
  };

  // In a drawing: the last filled shape before e that is behind its middle, or the page.
  const behindDrawn = e => {
    const svg = e.ownerSVGElement, box = e.getBoundingClientRect();
    const x = box.x + box.width / 2, y = box.y + box.height / 2;
    const shapes = [...svg.querySelectorAll("rect, circle, ellipse, polygon, path")].filter(shape => {
      const { left, right, top, bottom } = shape.getBoundingClientRect();
      return shape.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_FOLLOWING && !shape.contains(e) &&
        left < x && x < right && top < y && y < bottom && getComputedStyle(shape).fill.startsWith("rgb");
    });
    return shapes.reduce((back, shape) => over(color(getComputedStyle(shape).fill), back), ground(svg.parentElement));
  };

  const judgeText = e => {
    const style = getComputedStyle(e);
    if (e.ownerSVGElement) judge(color(style.fill), behindDrawn(e), 7, e, "text");
    else judge(color(style.color), ground(e), 7, e, "text");
  };
  const judgeWritten = e => {
    for (const part of ["::before", "::after"]) {
      const style = getComputedStyle(e, part);
      if (!/^(none|normal|"")|\burl\(/.test(style.content)) judge(color(style.color), ground(e), 4.5, e, part);
    }
    if (e.placeholder) judge(color(getComputedStyle(e, "::placeholder").color), ground(e), 7, e, "::placeholder");
  };
  const judgeDrawn = e => {
    const { stroke, fill } = getComputedStyle(e), behind = behindDrawn(e);
    if (stroke.startsWith("rgb")) judge(color(stroke), behind, 4.5, e, "stroke");
    else if (e.localName === "path" && fill.startsWith("rgb")) judge(color(fill), behind, 4.5, e, "fill");
  };
  const judgeAll = root => {
    forget();
    for (const e of [root, ...root.querySelectorAll("*")]) {
      if (!visible(e) || e.closest("script, style, defs")) continue;
      if ([...e.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim())) judgeText(e);
      if (!e.ownerSVGElement) judgeWritten(e);
      else if (/^(path|line|polyline|circle)$/.test(e.localName)) judgeDrawn(e);
    }
  };

  const judgeThemes = e => {
    for (const [i, name] of themes.entries()) {
      theme = name;
      if (i) document.documentElement.dataset.theme = name;
      else delete document.documentElement.dataset.theme;
      judgeAll(e);
    }
  };
  judgeThemes(document.body);
  const led = new Set(); // what has been seen in what can be led to
  for (const e of ledTo ? document.querySelectorAll("main [id]") : []) {
    const parts = [e, ...e.querySelectorAll("*")].slice(0, 20)
      .map(part => `${e.localName} ${part.localName} ${part.getAttribute("class") ?? ""}`);
    if (!text(e, 1) || parts.every(part => led.has(part))) continue;
    for (const part of parts) led.add(part);
    location.hash = e.id;
    if (visible(e)) judgeThemes(e);
  }
  location.hash = "";
  return [...faint.values()];
}

// The windows that the tools open, on the front page: they are the same on every page.
export async function tools(visit) {
  const { page } = visit, mistakes = [];
  if (!await page.locator("#tools button").count()) return ["no tools, header"];
  for (const state of [{}, { ...phone, theme: "dark" }]) {
    const said = state.theme ? "dark, phone" : "light";
    const lookAround = async what => {
      mistakes.push(...await runAxe(visit, `${what}, ${said}`));
      const faint = await page.evaluate(findFaint, [["light"].concat(state.theme ?? []), false]);
      mistakes.push(...faint.map(line => `${line} (${what})`));
    };
    await visit.open();
    await look(visit, state);
    await page.keyboard.press("?");
    await lookAround("the list of keys");
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => !document.querySelector("dialog[open]"));
    await page.keyboard.press("/");
    await page.fill("#query", "EINTR");
    await page.waitForFunction(() => document.querySelector(".search-results a"));
    await lookAround("the search");
  }
  return mistakes;
}

// ---------------------------------------------------------------------------------------------------- width

// 320 by 256 are 1280 by 1024 at 400 %.
const screens = [[320, 256], [360, 640], [768, 1024], [1280, 900]];

// Nothing is wider than the screen but what scrolls in its own box; and each such box is reached by the keyboard.
export async function overflow(visit) {
  const mistakes = [];
  for (const [width, height] of visit.depth > EACH ? screens : screens.slice(0, 1)) {
    await look(visit, { width, height, open: true });
    const wide = await visit.page.evaluate(findWide, true);
    mistakes.push(...wide.map(line => `at ${width} x ${height} pixels: ${line}`));
  }
  return mistakes;
}

// With scrolling, what is in a box that scrolls may be wide; on paper it may not. Of what is too wide, the outermost
// element is named.
function findWide(scrolling) {
  const { where, visible, forEars } = checking;
  const screen = document.documentElement, width = screen.clientWidth;
  const mistakes = [];
  const isFocusable = e => e.tabIndex >= 0 && visible(e);
  const wrong = e => {
    const { left, right } = e.getBoundingClientRect();
    if (right > 0 && (right > width + 1 || left < -1)) {
      return `it reaches from ${Math.round(left)} to ${Math.round(right)} of ${width}`;
    }
    if (!e.clientWidth || e.scrollWidth <= e.clientWidth + 1) return "";
    const { overflowX } = getComputedStyle(e);
    if (overflowX === "visible") return "";
    if (!scrolling || /hidden|clip/.test(overflowX)) {
      return `it cuts off what is wider: ${e.scrollWidth} in ${e.clientWidth} pixels`;
    }
    return isFocusable(e) || [...e.querySelectorAll("*")].some(isFocusable) ? "scrolls" : "no key scrolls this box";
  };
  const go = e => {
    if (!visible(e) && getComputedStyle(e).display !== "contents" || forEars(e)) return;
    const mistake = wrong(e);
    if (mistake && mistake !== "scrolls") mistakes.push(`${mistake}, ${where(e)}`);
    if (!mistake && e.localName !== "svg") for (const inner of e.children) go(inner);
  };
  for (const e of document.body.children) go(e);
  if (screen.scrollWidth > width && !mistakes.length) {
    mistakes.push(`the page is ${screen.scrollWidth} pixels wide, html`);
  }
  return mistakes;
}

// ---------------------------------------------------------------------------------------------------- keyboard

// Tab goes once to everything that can be used, in the order of the page, and shows where it is.
export async function keyboard(visit) {
  const mistakes = [];
  for (const state of [{}, { ...phone, theme: "dark", open: true }]) {
    const said = state.width ? "phone" : "desk";
    await visit.open();
    await look(visit, state);
    const found = [...await skip(visit), ...await tabThrough(visit)];
    mistakes.push(...found.map(line => `${line} (${said})`));
  }
  return mistakes;
}

async function skip({ page }) {
  await page.keyboard.press("Tab");
  const target = await page.evaluate(() => {
    const first = document.activeElement;
    return first.matches("a[href^='#']") && document.getElementById(first.hash.slice(1))?.id;
  });
  if (!target) return ["the first stop is no link that skips, body"];
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  return page.evaluate(id => {
    const target = document.getElementById(id), here = document.activeElement;
    const after = Node.DOCUMENT_POSITION_FOLLOWING | Node.DOCUMENT_POSITION_CONTAINED_BY;
    const nextIsAfter = here === document.body || target.compareDocumentPosition(here) & after;
    const leads = location.hash === "#" + id;
    location.hash = "";
    return leads && nextIsAfter ? []
      : [`the link that skips leads elsewhere, ${checking.where(here)}`];
  }, target);
}

async function tabThrough({ page, devtools }) {
  await page.evaluate(() => { // the next Tab goes to the first stop
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
    scrollTo(0, 0);
  });
  const stops = await page.evaluate(watchStops);
  const tab = { key: "Tab", code: "Tab", windowsVirtualKeyCode: 9 };
  for (let i = 0; i <= stops && !await page.evaluate(() => checking.lost); i += 50) {
    await Promise.all(Array(Math.min(50, stops + 1 - i)).fill().flatMap(() => ["rawKeyDown", "keyUp"]
      .map(type => devtools.send("Input.dispatchKeyEvent", { type, ...tab }))));
  }
  return page.evaluate(() => checking.stopMistakes());
}

// Make a list of all places where Tab has to stop, and compare it with what happens; each stop is judged when the key
// comes up. Comes back with the number of places.
function watchStops() {
  const { where, visible, color, over, contrast, ground, forget } = checking;
  const usable = "a[href], area[href], button, summary, input, select, textarea, iframe, audio[controls], " +
    "video[controls], [contenteditable], [tabindex]";
  const scrolls = e => {
    const { overflowX, overflowY } = getComputedStyle(e);
    return /auto|scroll/.test(overflowX) && e.scrollWidth > e.clientWidth ||
      /auto|scroll/.test(overflowY) && e.scrollHeight > e.clientHeight;
  };
  const canUse = e =>
    e.matches(usable) && visible(e) && !e.disabled && !e.closest("[inert]") && !(e.getAttribute("tabindex") < 0);
  const expected = [...document.body.querySelectorAll("*")].filter(e => canUse(e) ||
    visible(e) && scrolls(e) && ![...e.querySelectorAll(usable)].some(canUse));
  const mistakes = expected.filter(e => e.tabIndex > 0)
    .map(e => `tabindex ${e.tabIndex} changes the order, ${where(e)}`);
  let stops = 0, before = null, ring = null;

  // The outline, or a shadow that was not there without the focus: 2 pixels, and 3:1 to what is around it.
  const ringOf = e => {
    const style = getComputedStyle(e);
    const around = parseFloat(style.outlineOffset) < 0 ? e : e.parentElement;
    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    const line = outlined ? style.outlineColor : style.boxShadow.match(/^\w+\([^)]*\)/)?.[0];
    forget();
    const back = ground(around);
    return { outlined, shadow: style.boxShadow, ratio: line ? contrast(over(color(line), back), back) : 0 };
  };
  const compareRing = () => {
    if (!before?.isConnected) return;
    const { outlined, shadow, ratio } = ring;
    if (!outlined && (shadow === "none" || shadow === ringOf(before).shadow)) {
      mistakes.push(`the focus does not show, ${where(before)}`);
    } else if (ratio < 3) mistakes.push(`the focus has a contrast of ${ratio.toFixed(2)}:1, ${where(before)}`);
  };
  const judgePlace = e => {
    const boxes = [...e.getClientRects()].map(({ left, right, top, bottom }) => ({
      left: Math.max(left, 0), right: Math.min(right, document.documentElement.clientWidth),
      top: Math.max(top, 0), bottom: Math.min(bottom, document.documentElement.clientHeight) }));
    const inView = boxes.filter(box => box.left < box.right && box.top < box.bottom);
    if (!inView.length) return mistakes.push(`the focus is out of sight, ${where(e)}`);
    if (!e.checkVisibility({ opacityProperty: true })) mistakes.push(`what has the focus is transparent, ${where(e)}`);
    const hits = inView.map(({ left, right, top, bottom }) =>
      document.elementFromPoint((left + right) / 2, (top + bottom) / 2));
    if (!hits.some(hit => e.contains(hit))) {
      mistakes.push(`the focus is behind ${where(hits[0] ?? document.body)}, ${where(e)}`);
    }
  };

  addEventListener("keyup", () => {
    const here = document.activeElement, next = expected[stops];
    if (checking.lost) return;
    compareRing();
    before = null;
    if (!next && (here === document.body || here === expected[0])) return void (checking.over = true); // all round
    if (here !== next) {
      checking.lost = true;
      const name = here === document.body ? "nothing" : where(here);
      return void mistakes.push(next ? `stop ${stops + 1} is ${name}, instead of ${where(next)}`
        : `the keyboard does not get away from ${name}`);
    }
    stops++;
    [before, ring] = [here, ringOf(here)];
    judgePlace(here);
  }, true);
  checking.stopMistakes = () => {
    if (!checking.over && !checking.lost) mistakes.push(`only ${stops} of ${expected.length} stops, body`);
    return mistakes;
  };
  return expected.length;
}

// ---------------------------------------------------------------------------------------------------- paper

// A4 within its margins. Closed answers are printed, what is for use on screen is not, and all is black on white.
export async function print(visit) {
  const mistakes = [];
  for (const light of [{}, { scheme: "dark" }, { theme: "dark" }]) {
    await look(visit, { width: 718, height: 1000, media: "print", ...light });
    mistakes.push(...await visit.page.evaluate(findUnprinted));
  }
  mistakes.push(...await visit.page.evaluate(findWide, false));
  return [...new Set(mistakes)];
}

function findUnprinted() {
  const { text, where, visible, color, contrast, ground, forget } = checking;
  const mistakes = [];
  forget();
  for (const e of document.querySelectorAll("nav, button, input, select, dialog, .skip, #tools, .continue")) {
    if (visible(e)) mistakes.push(`it is for the screen, but is printed, ${where(e)}`);
  }
  // Not printed: a figure told in words, since the figure is; and the way back from a note, which is beside its text.
  const left = ".drawn details, .drawn details *, .note .back, .continue, .continue *, button, script, style, svg *";
  for (const e of document.querySelectorAll("main, main *")) {
    if (e.matches(left) || !text(e, 1) && !e.matches("img, svg")) continue;
    const box = e.getBoundingClientRect();
    if (!visible(e) || box.width < 1 || box.height < 1) mistakes.push(`it is not printed, ${where(e)}`);
  }
  const white = [1, 1, 1, 1], faint = new Set();
  if (contrast(ground(document.body), white) > 1.001) mistakes.push("the paper is not white, body");
  for (const e of document.body.querySelectorAll("*")) {
    if (!visible(e)) continue;
    const style = getComputedStyle(e);
    if (contrast(ground(e), white) > 1.1) faint.add(`its ground is printed in color, ${where(e)}`);
    const ink = e.ownerSVGElement ? style.fill : style.color;
    if (text(e, 1) && contrast(color(ink), white) < 7) faint.add(`its text is printed in ${ink}, ${where(e)}`);
  }
  return mistakes.concat([...faint].slice(0, 5));
}

// ---------------------------------------------------------------------------------------------------- no script

// For a visit without JavaScript. All of the text is there or opens, and all links lead on.
export async function noscript(visit) {
  const mistakes = [];
  for (const size of [{}, phone]) {
    await look(visit, size);
    mistakes.push(...await visit.page.evaluate(findMissing));
  }
  return [...new Set(mistakes)];
}
export async function links(visit) {
  const mistakes = await openAll(visit);
  for (const link of ["a[rel=prev]", "a[rel=next]", "header a[href], nav details a[href]:not([href^='#'])"]) {
    mistakes.push(...await follow(visit, link));
  }
  return mistakes;
}

function findMissing() {
  const { text, where, visible } = checking;
  const mistakes = [];
  const dead = "button, input, select, textarea, [role=button], [onclick], a:not([href])";
  for (const e of document.querySelectorAll(dead)) {
    if (visible(e)) mistakes.push(`it does nothing, ${where(e)}`);
  }
  for (const e of document.querySelectorAll("a[href='#'], a[href='']")) mistakes.push(`it leads nowhere, ${where(e)}`);
  if (!document.querySelector("main")) mistakes.push("no main, body");
  // A note is shown when its sign is followed.
  const ledTo = e => {
    const named = e.closest("[id]");
    if (!named || ![...document.querySelectorAll(`a[href="#${CSS.escape(named.id)}"]`)].some(visible)) return false;
    location.hash = named.id;
    return visible(e);
  };
  const opens = e => {
    const details = e.closest("details:not([open])");
    return details && details.querySelector("summary") && visible(details.querySelector("summary"));
  };
  const parts = "h1, h2, h3, h4, p, li, dt, dd, pre, table, figure, figcaption, img, svg, aside, .note";
  for (const e of document.querySelectorAll(`main :is(${parts})`)) {
    if (!text(e, 1) && !e.matches("img, svg") || e.matches(".back")) continue;
    if (!visible(e) && !opens(e) && !ledTo(e)) mistakes.push(`it does not show, ${where(e)}`);
  }
  return mistakes;
}

// Each summary opens what it is the summary of; the contents, folded on a phone, too.
async function openAll(visit) {
  const { page } = visit;
  await visit.open();
  await look(visit, phone);
  const contents = page.locator("nav summary").filter({ visible: true });
  if (visit.name !== "index.html" && !await contents.count()) return ["no contents on a phone, body"];
  for (const summary of await page.$$("summary")) {
    const canOpen = await summary.evaluate(e => {
      e.focus();
      return document.activeElement === e && !e.parentElement.open;
    });
    if (canOpen) await page.keyboard.press("Enter");
  }
  return page.evaluate(() => {
    const { visible, where } = checking;
    const shows = details => [...details.querySelectorAll("a, p, li, pre")]
      .every(e => visible(e) || e.closest("details") !== details || e.matches(".note, .note *"));
    return [...document.querySelectorAll("details")].filter(details => visible(details) && !shows(details))
      .map(details => `it does not open, ${where(details)}`);
  });
}

async function follow(visit, selector) {
  const { page } = visit;
  await visit.open();
  await look(visit, phone);
  await page.evaluate(() => { for (const details of document.querySelectorAll("nav details")) details.open = true; });
  const link = page.locator(selector).first();
  if (!await link.count()) return [];
  const [where, href] = await link.evaluate(e => [checking.where(e), e.href]);
  const here = page.url(), seen = { waitUntil: "commit", timeout: 5000 };
  try {
    const [response] = await Promise.all([page.waitForNavigation(seen), link.click({ timeout: 5000 })]);
    if (page.url() === href && href.replace(/#.*/, "") !== here && response.ok()) return [];
  } catch { /* then it leads nowhere */ }
  return [`it does not lead to ${href}, ${where}`];
}

// ---------------------------------------------------------------------------------------------------- motion

// Who does not want motion gets none.
export async function motion(visit) {
  await look(visit, { motion: "reduce", open: true });
  return visit.page.evaluate(() => {
    const mistakes = [];
    const longest = times => Math.max(...times.split(",").map(time => parseFloat(time) || 0)); // computed in seconds
    for (const e of document.querySelectorAll("*")) {
      const parts = { dialog: ["::backdrop"], details: ["::details-content"] }[e.localName] ?? [];
      for (const part of [null, "::before", "::after", ...parts]) {
        const style = getComputedStyle(e, part), name = checking.where(e) + (part ?? "");
        const { transitionProperty, transitionDuration, animationName, animationDuration } = style;
        if (transitionProperty !== "none" && longest(transitionDuration) > .01) {
          mistakes.push(`a transition of ${transitionDuration}, ${name}`);
        }
        if (animationName !== "none" && longest(animationDuration) > .01) {
          mistakes.push(`an animation of ${animationDuration}, ${name}`);
        }
        if (!part && style.scrollBehavior === "smooth") mistakes.push(`it scrolls smoothly, ${name}`);
      }
    }
    return mistakes;
  });
}

// ---------------------------------------------------------------------------------------------------- all of them

// How deep a page is looked at. EACH: what any page may get wrong by what it says. LOOKS: how its parts look; so this
// is for pages with a part that none before had. ALL: what takes long, too.
const EACH = 1, LOOKS = 2, ALL = 3;

// How a page is visited, and what is checked then, in this order.
const visits = [
  { window: "server", checks: [[EACH, { weight, csp, overflow }], [LOOKS, { motion, print, contrast, axe }],
    [ALL, { keyboard, tools }], [EACH, { silent }]] },
  { window: "noscript", checks: [[LOOKS, { noscript }], [ALL, { links }]] },
  { window: "files", checks: [[ALL, { silent }]] },
];

export const names = [...new Set(visits.flatMap(({ checks }) => checks.flatMap(([, some]) => Object.keys(some))))];

// Three windows, each with where its pages come from.
export async function openWindows(browser, server, files) {
  return {
    server: { ...await openWindow(browser), root: server },
    noscript: { ...await openWindow(browser, { javaScriptEnabled: false }), root: server },
    files: { ...await openWindow(browser), root: files },
  };
}

// Each kind of element on the page: its name and classes, and those of all that it is in.
function findParts() {
  const own = e => [e.localName, ...[...e.classList].sort()].join(".");
  const path = e => e.parentElement ? `${path(e.parentElement)} ${own(e)}` : own(e);
  return [...new Set([...document.body.querySelectorAll("*")].map(path))];
}

// Whether the page has a part that is not yet in known, where they all are afterwards.
async function hasNewParts({ page }, known) {
  const before = known.size;
  for (const part of await page.evaluate(findParts)) known.add(part);
  return known.size > before;
}

// The mistakes of one page, each as [check, text]: by all checks, or by some and those that the page's parts ask for;
// or by those whose names are wanted.
export async function checkPage(windows, name, { all = true, known = new Set(), wanted = names } = {}) {
  const mistakes = [];
  let depth = all ? ALL : EACH;
  for (const { window, checks } of visits) {
    const isNeeded = ([least, some]) => least <= depth && Object.keys(some).some(check => wanted.includes(check));
    if (!checks.some(isNeeded)) continue;
    const seen = await visit(windows[window], name, depth);
    if (window === "server" && await hasNewParts(seen, known)) seen.depth = depth = Math.max(depth, LOOKS);
    for (const [check, run] of checks.filter(isNeeded).flatMap(([, some]) => Object.entries(some))) {
      if (!wanted.includes(check) || check === "tools" && name !== "index.html") continue;
      for (const text of await run(seen)) mistakes.push([check, window === "files" ? `from files: ${text}` : text]);
    }
    await seen.close();
  }
  return mistakes;
}

// ---------------------------------------------------------------------------------------------------- Lighthouse

// Of Lighthouse, full marks on a phone and on a desk. But performance is a measurement of this machine, too, which may
// be slow or busy: so each page has three tries, and what is asked for is less than what a quiet machine gives, which
// is 100, and 99 for book.html, the whole book.
const categories = ["performance", "accessibility", "best-practices", "seo"];
const tries = 3;
// (On the book's one page, Lighthouse sees one copy button of hundreds covered on a phone, and takes off 4 points.)
const least = (name, category) => category === "accessibility" && name === "book.html" ? 96 :
  category !== "performance" ? 100 : name === "book.html" ? 75 : 90;

async function score(port, url, form) {
  const { default: lighthouse, desktopConfig } = await import(pathToFileURL(installed.resolve("lighthouse")));
  const options = { port, logLevel: "silent", onlyCategories: categories };
  const { lhr } = await lighthouse(url, options, form === "desk" ? desktopConfig : undefined);
  if (lhr.runtimeError) throw new Error(lhr.runtimeError.message);
  const lost = categories.flatMap(name => lhr.categories[name].auditRefs)
    .filter(({ id, weight }) => weight > 0 && lhr.audits[id].score !== null && lhr.audits[id].score < 1)
    .map(({ id }) => `${id} ${lhr.audits[id].displayValue ?? ""}`.trim());
  return { scores: categories.map(name => Math.round(lhr.categories[name].score * 100)), lost };
}

// The scores of one page on one form of screen, and its mistakes, at the first try without any or else the last one.
export async function tryScores(port, root, name, form, most = tries) {
  let run, mistakes;
  for (let i = 0; i < most && mistakes?.length !== 0; i++) {
    run = await score(port, root + name, form);
    mistakes = scoreMistakes(run, name, form);
  }
  return { ...run, mistakes };
}

export function scoreMistakes({ scores, lost }, name, form) {
  return scores.flatMap((points, i) =>
    points < least(name, categories[i]) ? [`${categories[i]} ${points} (${form}), ${lost.join("; ")}`] : []);
}

export async function launchForLighthouse() {
  const { launch } = await import(pathToFileURL(installed.resolve("chrome-launcher")));
  return launch({ chromePath: chromium, chromeFlags: ["--headless=new", ...flags], logLevel: "silent" });
}

async function checkLighthouse(folder, pages) {
  const server = await serve(folder, "max-age=600"), chrome = await launchForLighthouse(); // as GitHub does
  let mistakes = 0;
  try {
    for (const name of pages) {
      for (const form of ["phone", "desk"]) {
        const run = await tryScores(chrome.port, server.root, name, form);
        console.log(`${name} (${form}): ${run.scores.join(" ")}`);
        for (const text of run.mistakes) mistakes += report(name, "lighthouse", text);
      }
    }
  } finally {
    chrome.kill();
    server.close();
  }
  return mistakes;
}

// ---------------------------------------------------------------------------------------------------- the call

// Every page below a folder, those of the book before those of the programs.
export function pagesOf(folder) {
  const all = fs.readdirSync(folder, { recursive: true }).filter(name => name.endsWith(".html")).sort();
  return [...all.filter(name => !name.includes("/")), ...all.filter(name => name.includes("/"))];
}

// Which pages get all checks: those of the book, but for book.html, which is all of them once more; and of the pages of
// programs the shortest and the longest of each language. Who names a page gets all checks on it.
export function pagesForAll(folder, pages) {
  const size = name => fs.statSync(path.join(folder, name)).size;
  const kinds = new Map();
  for (const name of pages.filter(page => page.includes("/"))) {
    const kind = name.match(/\.(\w+)\.html$/)?.[1];
    kinds.set(kind, [...kinds.get(kind) ?? [], name]);
  }
  const bySize = [...kinds.values()].map(some => some.sort((a, b) => size(a) - size(b)));
  const ends = bySize.flatMap(some => [some[0], some.at(-1)]);
  return new Set([...pages.filter(name => !name.includes("/") && name !== "book.html"), ...ends]);
}

function report(name, check, text) {
  console.log(`${name}: ${check}: ${text.replace(/\s+/g, " ")}`);
  return 1;
}

// Two pages at a time, the large ones first.
async function checkAll(folder, pages, forAll) {
  const server = await serve(folder), browser = await launch();
  const size = name => fs.statSync(path.join(folder, name)).size;
  const left = [...pages].sort((a, b) => size(b) - size(a)), known = new Set();
  let mistakes = 0;
  const work = async () => {
    const windows = await openWindows(browser, server.root, pathToFileURL(path.resolve(folder)).href + "/");
    for (let name; (name = left.shift());) {
      for (const [check, text] of await checkPage(windows, name, { all: forAll.has(name), known })) {
        mistakes += report(name, check, text);
      }
      if (process.stderr.isTTY) {
        process.stderr.write(`\r\x1b[K${pages.length - left.length} of ${pages.length}: ${name}`);
      }
    }
  };
  try {
    await Promise.all([work(), work()]);
  } finally {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
    await browser.close();
    server.close();
  }
  return mistakes;
}

const checkSite = (folder, asked, every) => asked.length
  ? checkAll(folder, asked, new Set(asked)) : checkAll(folder, every, pagesForAll(folder, every));

async function main(args) {
  const withLighthouse = args[0] === "--lighthouse";
  const [folder, ...asked] = withLighthouse ? args.slice(1) : args;
  const isFolder = folder && !folder.startsWith("-") && fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory();
  if (!isFolder) return usage();
  const every = pagesOf(folder);
  if (!every.length || asked.some(name => !every.includes(name))) return usage();
  if (!withLighthouse) return await checkSite(folder, asked, every) ? 1 : 0;
  const [short, ...others] = every.filter(name => name.includes("/"))
    .sort((a, b) => fs.statSync(path.join(folder, a)).size - fs.statSync(path.join(folder, b)).size);
  const chosen = [...every.filter(name => !name.includes("/")), short, others.at(-1)].filter(Boolean);
  return await checkLighthouse(folder, asked.length ? asked : chosen) ? 1 : 0;
}

function usage() {
  console.error("usage: node check/check_site.mjs [--lighthouse] FOLDER [PAGE...]");
  return 2;
}

const isCalled = process.argv[1] && pathToFileURL(path.resolve(process.argv[1])).href === import.meta.url;
if (isCalled) process.exitCode = await main(process.argv.slice(2));
