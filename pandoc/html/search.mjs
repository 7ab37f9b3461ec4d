// Make the data of the site's search: node pandoc/html/search.mjs build/html
//
// Run from the top of the book, after all pages are made. Writes two scripts into that folder, which script.js loads
// when somebody searches for the first time (scripts, because a page opened from a file may load nothing else):
//
//   minisearch.js    the library, without its comments
//   search-text.js   `bookText`: the text of the sections, from which the line with the words is quoted
//   search-index.js  search.js, and before it its data, `bookSearch`: the sections of the pages with their full-text index, and the *things* of the
//                    book: calls, error numbers, signals, flags, programs, modules, functions, tests and terms, each
//                    with the paragraph that explains it, its rows in the table of appendix A, and who uses it.
//
// The same pages and the same code give the same bytes.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { getSystemErrorMap } from "node:util";

// ---------------------------------------------------------------------------------------------------- a page's text

const entities = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };
export const unescape = text => text.replace(/&(#x?)?(\w+);/g, (all, number, name) =>
  number ? String.fromCodePoint(parseInt(name, number === "#x" ? 16 : 10)) : entities[name] ?? all);
const squeeze = text => text.replace(/\s+/g, " ").trim();

const empty = new Set(["area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"]);
const silent = new Set(["pre", "nav", "svg", "style", "script", "button", "sup", "figcaption", "summary"]);
const heading = /^h[1-6]$/;
const block = /^(p|li|dt|dd|td|th|tr|h[1-6]|div|section|table|ul|ol|dl|figure|aside|details|blockquote)$/;

// The parts of a page: { page, title, sections }. A section is { id, title, level, paragraphs, listings }; a paragraph
// { text, terms, codes, manuals }, where terms are set in bold, codes as code, manuals are pages such as read(2).
export function readPage(html) {
  const sections = [];
  const main = html.match(/<main[\s>][\s\S]*<\/main>/)?.[0] ?? "";
  const open = []; // the elements around this place
  let section, paragraph, id;
  const newSection = (level, id) => sections.push(section = { id, title: "", level, paragraphs: [], listings: [] });
  const newParagraph = tag => paragraph = { tag, text: "", terms: [], codes: [], manuals: [] };
  const endParagraph = () => {
    if (paragraph && paragraph.text.trim()) {
      paragraph.text = squeeze(paragraph.text);
      if (heading.test(paragraph.tag)) section.title = paragraph.text;
      else section.paragraphs.push(paragraph);
    }
    paragraph = null;
  };
  const isSilent = element => silent.has(element.tag) || element.silent;
  newSection(1, "");
  for (const [, comment, end, tag, attributes, text] of main.matchAll(/(<!--[\s\S]*?-->)|<(\/?)([a-zA-Z][\w-]*)([^>]*)>|([^<]+)/g)) {
    if (comment) continue;
    const top = open[open.length - 1];
    if (text !== undefined) {
      if (top?.silent) continue;
      paragraph ??= newParagraph(top?.tag ?? "p");
      const plain = unescape(text);
      paragraph.text += plain;
      for (const element of open) if (element.kept) element.kept.text += plain;
    } else if (end) {
      while (open.length && open[open.length - 1].tag !== tag) open.pop();
      const element = open.pop();
      if (element?.kept) element.kept.to.push(squeeze(element.kept.text));
      if (block.test(tag) && !element?.silent) endParagraph();
    } else {
      if (block.test(tag) && !top?.silent) endParagraph();
      const attribute = name => unescape(attributes.match(new RegExp(`\\s${name}="([^"]*)"`))?.[1] ?? "");
      const element = { tag };
      element.silent = top?.silent || silent.has(tag) || attribute("aria-hidden") === "true" ||
        /\b(anchor|permalink|tested|copy)\b/.test(attribute("class"));
      element.caption = top?.caption || tag === "figcaption";
      const source = element.caption && tag === "a" && attribute("href").match(/code\/([^#]+)\.(?:html|txt)/);
      if (source) section.listings.push(source[1]);
      if (tag === "section" && attribute("id") && !element.silent) id = attribute("id");
      if (heading.test(tag) && !element.silent) {
        const own = attribute("id") || id || section.id;
        if (+tag[1] <= 3) newSection(+tag[1], own);
        newParagraph(tag);
      }
      if (!element.silent && block.test(tag) && !heading.test(tag) && /^(p|li|td|th|dt|dd)$/.test(tag)) newParagraph(tag);
      if (paragraph && !element.silent) {
        if (tag === "strong" || tag === "dfn" || tag === "dt") element.kept = { text: "", to: paragraph.terms };
        if (tag === "code") element.kept = { text: "", to: paragraph.codes };
      }
      if (!empty.has(tag) && !attributes.endsWith("/")) open.push(element);
    }
  }
  endParagraph();
  for (const s of sections) for (const p of s.paragraphs) p.manuals = p.codes.filter(c => /^\w+\(\d\w*\)$/.test(c));
  const title = unescape(html.match(/<title>([\s\S]*?)<\/title>/)?.[1] ?? "").replace(/ [-–·|] Interrupted$/, "");
  return { title, sections: sections.filter(s => s.title || s.paragraphs.length) };
}

// ---------------------------------------------------------------------------------------------------- the code

const files = folder => fs.existsSync(folder) ? fs.readdirSync(folder, { withFileTypes: true })
  .sort((a, b) => (a.name < b.name ? -1 : 1)) : [];

// All sources: { file, name, text, about, kind }. `about` is what the first comment says after the name.
export function readCode(folder) {
  const sources = [];
  for (const chapter of files(folder).filter(f => f.isDirectory())) {
    for (const f of files(path.join(folder, chapter.name))) {
      if (!/\.[ch]$/.test(f.name)) continue;
      const file = `${chapter.name}/${f.name}`;
      const text = fs.readFileSync(path.join(folder, file), "utf8");
      const first = text.match(/^\/\*([\s\S]*?)(\n \*\n|\*\/)/)?.[1] ?? "";
      const about = squeeze(first.replace(/\n \*/g, " ")).replace(/^\S+ - /, "");
      sources.push({ file, name: f.name, text, about });
    }
  }
  const headers = new Set(sources.filter(s => s.name.endsWith(".h")).map(s => s.file));
  for (const s of sources) {
    const header = s.file.replace(/\.c$/, ".h");
    s.kind = s.name.endsWith(".h") ? "module" : headers.has(header) ? "part" : /^test_/.test(s.name) ? "tests" : "program";
    s.code = s.text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(\\.|[^"\\\n])*"/g, all => all.replace(/[^\n]/g, " "));
  }
  return sources;
}

// Where a source uses each word: word -> its first line, not in comments, strings and #include.
function linesOfWords(source) {
  const lines = new Map();
  source.code.split("\n").forEach((line, i) => {
    if (/^\s*#\s*include/.test(line)) return;
    for (const word of line.match(/[A-Za-z_]\w*/g) ?? []) if (!lines.has(word)) lines.set(word, i + 1);
  });
  return lines;
}

// The functions that a header declares: { name, line, about }, about being the first sentence of the comment above.
function declared(header) {
  const found = [];
  for (const m of header.text.matchAll(/(?:\/\*((?:(?!\*\/)[\s\S])*)\*\/\n)?^(?!#|typedef|static|struct \w+ \{|enum|extern "C")[a-z][\w\s*]*?[\s*](\w+)\(([^;{]*)\);/gm)) {
    const line = header.text.slice(0, m.index + m[0].lastIndexOf(m[2] + "(")).split("\n").length;
    const about = squeeze((m[1] ?? "").split(/\n \*\n/)[0].replace(/\n \* ?/g, " "));
    found.push({ name: m[2], line, about: about.match(/^.*?[.:;](?=\s|$)/)?.[0].replace(/[:;]$/, ".") ?? about });
  }
  return found;
}

// The table of appendix A: [{ call, detail, outcome }].
export function readTable(text) {
  const rows = [];
  for (const line of text.split("\n")) {
    const [name, bare, restart, stop] = line.split(/\s{2,}/);
    if (!stop || bare === "no SA_RESTART") continue;
    const [call, detail] = name.match(/^(\S+)(?: \((.*)\))?$/).slice(1);
    rows.push({ call, detail, outcome: `${bare}; with SA_RESTART: ${restart}; when stopped and continued: ${stop}` });
  }
  return rows;
}

// The rows of one call in words, those that end alike in one.
export function rowsOf(table, call) {
  const rows = table.filter(row => row.call === call);
  return [...new Set(rows.map(row => row.outcome))].map(outcome => {
    const details = rows.filter(row => row.outcome === outcome && row.detail).map(row => row.detail);
    return `${call}${details.length ? ` (${details.join(", ")})` : ""}: ${outcome}`;
  });
}

// What the table says of the error and of the flag that it is about.
export function summaryOf(table, name) {
  const count = [/^EINTR;/, /with SA_RESTART: EINTR;/, /continued: EINTR$/]
    .map(ending => table.filter(row => ending.test(row.outcome)).length);
  if (name === "EINTR") {
    return [`of ${table.length} waits, ${count[0]} end with EINTR after a handler without SA_RESTART, ` +
      `${count[1]} after one with it, ${count[2]} after stop and continue`];
  }
  return name === "SA_RESTART" ? [`of ${count[0]} waits that would end with EINTR, ${count[0] - count[1]} go on with SA_RESTART`] : [];
}

// ---------------------------------------------------------------------------------------------------- things

const escapeRegExp = text => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const word = name => new RegExp(`(?<![\\w.])${escapeRegExp(name)}(?![\\w])`);

// The sentence of a paragraph that has the name, short enough for a line or two.
export function sentence(text, name) {
  const sentences = text.match(/.*?[.!?](?=[”’)]*(\s|$))[”’)]*|.+$/g) ?? [text];
  const has = new RegExp(escapeRegExp(name), "i");
  const s = (sentences.find(s => word(name).test(s)) ?? sentences.find(s => has.test(s)) ?? sentences[0]).trim();
  if (s.length <= 170) return s;
  const at = Math.max(0, s.search(has));
  const from = at < 130 ? 0 : s.indexOf(" ", at - 70) + 1;
  const cut = s.slice(from, from + 165);
  return (from ? "… " : "") + (from + 165 < s.length ? cut.replace(/\s\S*$/, "") + " …" : cut);
}

const defines = /^\W*(\(\d\w*\)\W*)?((is|are)(?! \w+ed\b)|means|asks|sends|sets|returns|waits|makes|takes|tells|turns|puts|fails|blocks|lets|gives|ends|stands|starts|restarts|reads|writes)\b/;

// How well a paragraph explains a name; undefined if it does not have it. A term must be bold; a name of the system's need not
// be, but a word like `signal` must then be set as code.
function explains(paragraph, section, page, name, kind) {
  const at = paragraph.text.search(word(name));
  if (at < 0 || /^t[dh]$/.test(paragraph.tag)) return undefined;
  const same = t => t.replace(/\(\d?\w*\)$/, "").toLowerCase() === name.toLowerCase();
  const bold = paragraph.terms.some(same), code = paragraph.codes.some(same);
  if (kind === "term" ? !bold : !code && !/[A-Z_\d]/.test(name)) return undefined;
  let score = 1;
  if (bold) score += paragraph.tag === "dt" ? 200 : 100;
  if (section.level > 1 && word(name).test(section.title)) score += 10;
  if (paragraph.manuals.some(same)) score += 12;
  const before = paragraph.text.slice(0, at), after = paragraph.text.slice(at + name.length);
  if (/(^|[.:?!(]\s*)$/.test(before) && defines.test(after)) score += 25;
  if (/^(\(\d?\w*\))?,? [“]/.test(after)) score += 30;
  if (/\b(errno( to|,| is)?|called|named|is|the (signal|flag|option)|sends?( \w+){0,3})\s*$/.test(before)) score += 12;
  if (/^[a-z]-/.test(page.name)) score -= 70; // an appendix looks up, a chapter explains
  if (kind === "error number" && paragraph.text.toLowerCase().includes(message(name))) score += 30;
  if (/\b(without|not|no|speaks of)\s*$/.test(before)) score -= 12;
  if (/exercises|further|have now/i.test(section.title)) score -= 15;
  if (paragraph.tag === "li") score -= 3;
  return score;
}

// What strerror(3) says, in lower case.
const messages = new Map([...getSystemErrorMap().values()]);
const message = name => messages.get(name) ?? "?";

// The paragraph that explains a name best; of two that are equally good, the first one met.
function definition(pages, name, kind) {
  let best, bestScore = -Infinity, bonus = 8;
  pages.forEach((page, number) => {
    if (page.name === "index.html" && kind !== "term") return;
    for (const section of page.sections) {
      for (const paragraph of section.paragraphs) {
        let score = explains(paragraph, section, page, name, kind);
        if (score === undefined) continue;
        [score, bonus] = [score + bonus - number, 0]; // the first mention often explains
        if (score > bestScore) [best, bestScore] = [{ page, section, paragraph }, score];
      }
    }
  });
  return best;
}

const constants = os.constants.errno;
const signals = new Set([...Object.keys(os.constants.signals), "SIGCLD", "SIGRTMIN", "SIGRTMAX"]);
// What the book names in code that is not its own: calls, error numbers, signals and flags.
function kindOf(name, calls) {
  if (name in constants) return "error number";
  if (signals.has(name)) return "signal";
  if (/^(W[A-Z]{5,}|[A-Z][A-Z0-9]+_[A-Z0-9_]+|FIONREAD)$/.test(name)) return "flag";
  if (calls.has(name)) return "call";
}

// The same words, so that what is asked is found as it was indexed. (Also run in the browser.)
const tokenize = text => text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) || [];
const processTerm = term =>
  /^(an?|the|and|or|of|to|in|it|its|is|are|was|that|this|with|for|on|as|at|by|be|but|not|so|from)$/.test(term) ? null : term;

export function makeIndex(htmlFolder, codeFolder, MiniSearch) {
  const names = files(htmlFolder).map(f => f.name).filter(f => /\.html$/.test(f) && f !== "book.html" && f !== "404.html");
  names.sort((a, b) => (b === "index.html") - (a === "index.html")); // the front page first, then as the names go
  const pages = names.map(name => ({ name, ...readPage(fs.readFileSync(path.join(htmlFolder, name), "utf8")) }))
    .filter(page => page.sections.length);
  const sources = readCode(codeFolder);
  const href = source => {
    const html = `code/${source.file}.html`;
    return fs.existsSync(path.join(htmlFolder, html)) ? html : `code/${source.file}.txt`;
  };

  // The sections, each one line of the list and one document of the index.
  const places = [], documents = [];
  for (const page of pages) {
    page.number = pages.indexOf(page);
    for (const section of page.sections) {
      section.place = places.length;
      const text = section.paragraphs.map(p => p.text + (/^t[dh]$/.test(p.tag) ? "," : "")).join(" ");
      const title = section.level === 1 ? "" : section.title;
      places.push([page.number, title, section.level === 1 ? "" : section.id, text]);
      documents.push({ id: section.place, title: `${title} ${section.level === 1 ? page.title : ""}`, text });
    }
  }
  const things = [];
  const add = (name, kind, parts) => things.push({ name, kind, ...parts });
  const quote = (place, text, name) => [place, sentence(text, name)]; // what stands there
  const explained = (name, kind) => {
    const found = definition(pages, name, kind);
    return found && quote(found.section.place, found.paragraph.text, name);
  };
  const shownIn = file => {
    for (const page of pages) for (const section of page.sections) {
      if (section.listings.some(l => l === file)) return section.place;
    }
  };

  // Ours: programs, modules with their functions, tests.
  const own = new Set();
  const tests = [];
  const sourceNumber = new Map(sources.map((s, i) => [s, i]));
  const words = new Map(sources.map(s => [s, linesOfWords(s)]));
  // Programs before modules, those of the chapters before those of the appendices.
  const rank = s => (/^\d/.test(s.file) ? 2000 : 0) + (s.kind === "program" && !/^bench_/.test(s.name) ? 1000 : 0);
  const users = (name, but) => sources
    .filter(s => s.kind !== "module" && s.kind !== "tests" && s.file.replace(/\.c$/, ".h") !== but && words.get(s).has(name))
    .map(s => [sourceNumber.get(s), words.get(s).get(name), rank(s) + s.code.split(word(name)).length])
    .sort((a, b) => b[2] - a[2] || a[0] - b[0]).slice(0, 8).map(([source, line]) => [source, line]);
  for (const s of sources) {
    if (s.kind === "part") continue;
    const stem = s.name.replace(/\.[ch]$/, "");
    const place = shownIn(s.file) ?? shownIn(s.file.replace(/\.h$/, ".c"));
    const parts = { about: s.about, source: sourceNumber.get(s), place };
    if (s.kind === "tests") {
      const all = [...s.code.matchAll(/cmocka_unit_test\w*\(\s*(\w+)/g)].map(m => m[1]);
      for (const test of new Set(all)) tests.push([test, sourceNumber.get(s)]);
      add(stem, "tests", parts);
    } else if (s.kind === "module") {
      const includes = sources.filter(u => u.file !== s.file.replace(/\.h$/, ".c") && new RegExp(`#include "[^"\\n]*\\b${escapeRegExp(s.name)}"`).test(u.text) &&
        path.posix.normalize(path.posix.join(path.posix.dirname(u.file), u.text.match(new RegExp(`#include "([^"\\n]*\\b${escapeRegExp(s.name)})"`))[1])) === s.file);
      parts.uses = includes.filter(u => u.kind !== "tests" && u.kind !== "module")
        .sort((a, b) => rank(b) - rank(a)).map(u => [sourceNumber.get(u), 0]).slice(0, 8);
      add(s.name, "module", parts);
      for (const f of declared(s)) {
        own.add(f.name);
        add(f.name, "function", { about: f.about, source: sourceNumber.get(s), line: f.line, uses: users(f.name, s.file) });
      }
    } else {
      add(stem, "program", parts);
    }
  }
  for (const s of sources) {
    for (const m of s.code.matchAll(/^(?:static )?[a-z][\w *]*?\b(\w+)\([^;{}]*\)\n?\{|^#define (\w+)|\b([A-Z][A-Z0-9_]+)\s*=/gm)) own.add(m[1] ?? m[2] ?? m[3]);
    for (const m of s.code.matchAll(/\(\*(\w+)\)\s*\(/g)) own.add(m[1]); // called through a pointer
    for (const m of s.code.matchAll(/\benum\s*\w*\s*\{([^}]*)\}/g)) for (const n of m[1].match(/\b[A-Z][A-Z0-9_]+\b/g) ?? []) own.add(n);
  }

  // Theirs: what the pages name and the system has.
  const tableFile = path.join(codeFolder, "a-what-restarts/restarts-glibc.txt");
  const table = fs.existsSync(tableFile) ? readTable(fs.readFileSync(tableFile, "utf8")) : [];
  const appendix = pages.find(page => /^a-what-restarts\b/.test(page.name));
  const rowPlace = call => appendix?.sections.find(s => s.paragraphs.some(p => p.tag === "td" && word(call).test(p.text)))?.place ??
    appendix?.sections[0].place ?? -1;
  const mentioned = new Set(), calls = new Set(table.map(r => r.call));
  for (const page of pages) for (const section of page.sections) for (const p of section.paragraphs) {
    for (const code of [...p.codes, ...(p.text.match(/\b(SIG[A-Z]{2,}|E[A-Z]{2,}|[A-Z]+_[A-Z_]+)\b/g) ?? [])]) {
      const name = code.replace(/\(\d?\w*\)$/, "");
      if (/^\w+\([23]\w*\)$/.test(code)) calls.add(name);
      if (/^[A-Za-z_]\w+$/.test(name)) mentioned.add(name);
    }
  }
  const named = new Set(calls); // in the manual, or in the table: not ours, even if a program has one of the same name
  for (const s of sources) for (const [, name] of s.code.matchAll(/\b([a-z]\w+)\(/g)) if (mentioned.has(name)) calls.add(name);
  for (const r of table) mentioned.add(r.call);
  for (const name of ["if", "for", "while", "switch", "return", "sizeof", "main"]) calls.delete(name);
  for (const name of [...mentioned].sort()) {
    if (own.has(name) && !named.has(name) && !(name in constants)) continue;
    const kind = kindOf(name, calls);
    if (!kind) continue;
    const rows = [...rowsOf(table, name).map(row => [rowPlace(name), row]),
      ...summaryOf(table, name).map(row => [appendix?.sections.find(s => s.title === "The table")?.place ?? -1, row])];
    const def = explained(name, kind);
    const uses = users(name);
    const about = kind === "error number" && messages.get(name);
    if (def || rows.length) add(name, kind, { about, def, rows, uses });
  }

  // Terms: bold where they are defined. A box begins with a bold word and a full stop.
  const known = new Set();
  for (const page of pages) for (const section of page.sections) for (const p of section.paragraphs) for (const term of p.terms) {
    if (/exercises/i.test(section.title) || /[.:?!]$/.test(term) || known.has(term.toLowerCase()) || term.length > 40 || /^[\d\W]/.test(term)) continue;
    known.add(term.toLowerCase());
    const def = explained(term, "term") ?? quote(section.place, p.text, term);
    const same = things.find(t => t.name === term && t.def);
    if (same?.def[0] === def[0]) continue;
    if (same && /[A-Z_\d]/.test(term)) { // no word of the language: it is that thing
      same.also = def;
      continue;
    }
    add(term, "term", { def });
  }

  // The full-text index: sections by their number.
  const search = new MiniSearch({ fields: ["title", "text"], tokenize, processTerm });
  search.addAll(documents);
  return { pages, places, things, tests, sources, search, href };
}

// ---------------------------------------------------------------------------------------------------- writing

// What the browser gets. Numbers stand for pages, places and sources, and empty ends are left off.
function pack({ pages, places, things, tests, sources, search, href }) {
  const used = new Set([...things.flatMap(t => [t.source, ...(t.uses ?? []).map(u => u[0])]), ...tests.map(t => t[1])]);
  return {
    pages: pages.map(p => [p.name, p.title]),
    places: places.map(([page, title, id]) => [page, title, id]),
    sources: sources.map((s, i) => used.has(i) ? href(s).slice("code/".length) : 0),
    things: things.map(({ name, kind, about, def, also, rows, uses, source, line, place }) => {
      const packed = { name, kind };
      if (about) packed.about = about;
      if (def) packed.def = def;
      if (also) packed.also = also;
      if (rows?.length) packed.rows = rows;
      if (uses?.length) packed.uses = uses.flat();
      if (source !== undefined) packed.source = source;
      if (line) packed.line = line;
      if (place !== undefined) packed.place = place;
      return packed;
    }),
    tests,
    table: sources.findIndex(s => s.name === "what_restarts.c"),
    index: search.toJSON(),
  };
}

function main(htmlFolder) {
  const require = createRequire(path.resolve("build/npm/package.json"));
  const folder = path.resolve("build/npm/node_modules/minisearch");
  const { version } = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
  const library = fs.readFileSync(path.join(folder, "dist/umd/index.js"), "utf8")
    .replace(/^\s*\/\*\*[\s\S]*?\*\/\n/gm, "").replace(/^\s*\/\/.*\n/gm, "").replace(/^ +/gm, "");
  const license = fs.readFileSync(path.join(folder, "LICENSE.txt"), "utf8").trim();
  fs.writeFileSync(path.join(htmlFolder, "minisearch.js"), `/* MiniSearch ${version}\n\n${license}\n*/\n${library}`);
  const index = makeIndex(htmlFolder, "code", require("minisearch"));
  const data = pack(index);
  const engine = fs.readFileSync("pandoc/html/search.js", "utf8");
  const write = (name, text) => fs.writeFileSync(path.join(htmlFolder, name), text);
  write("search-index.js",
    `var bookSearch = ${JSON.stringify(data)};\nbookSearch.tokenize = ${tokenize};\nbookSearch.processTerm = ${processTerm};\n${engine}`);
  write("search-text.js", `var bookText = ${JSON.stringify(index.places.map(place => place[3]))};\n`);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) main(process.argv[2]);
