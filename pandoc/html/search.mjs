// Make the data of the site's search: node pandoc/html/search.mjs build
//
// Run from the top of the book. Reads build/book.json, build/code.json and build/search.js (which is search.js with the
// words of the book's language), and writes three scripts into build/html, which script.js loads when somebody searches
// for the first time (scripts, because a page opened from a file may load nothing else):
//
//   minisearch.js    the library, without its comments
//   search-text.js   `bookText`: the text of the sections, from which the line with the words is quoted
//   search-index.js  search.js, and before it its data, `bookSearch`: the sections of the pages with their full-text
//                    index, and the *things* of the book: calls, error numbers, signals, flags, programs, modules,
//                    functions, tests and terms, each with the sentence that explains it, its rows in the table of
//                    appendix A, and who uses it.
//
// The same book and the same code give the same bytes.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// ---------------------------------------------------------------------------------------------------- the book

// The same words, so that what is asked is found as it was indexed. (Also run in the browser.)
const tokenize = text => text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) || [];
const processTerm = term =>
  /^(an?|the|and|or|of|to|in|it|its|is|are|was|that|this|with|for|on|as|at|by|be|but|not|so|from)$/.test(term) ?
    null : term;

const DEEPEST = 3; // headings below this level begin no place of their own

// The places of a page, which are what a result leads to: { page, id, level, title, text, above, paragraphs, listings,
// tables, terms }, where `above` are the headings that it is below.
function placesOf(file, page) {
  const place = ({ id = "", level, title }) => ({ page, level, id: level > 1 ? id : "", title: level > 1 ? title : "",
    above: [], paragraphs: [], listings: [], tables: [], terms: [] });
  const at = [place({ level: 1 })]; // by the number of the section; 0 is what stands before the first heading
  for (const section of file.sections) at.push(section.level <= DEEPEST ? place(section) : at[at.length - 1]);
  for (const kind of ["paragraphs", "listings", "tables", "terms"]) {
    for (const entry of file[kind]) at[entry.section][entry.tag === "h" ? "above" : kind].push(entry);
  }
  const places = [...new Set(at)].filter(place => place.above.length || place.paragraphs.length);
  for (const place of places) {
    place.text = place.paragraphs.map(p => p.text + (p.tag === "td" ? "," : "")).join(" ");
    if (place.level > 1) place.above.push(...places[0].above);
  }
  return places;
}

// The pages of the book, in its order: { name, title, chapter }, and their places. An appendix has a letter for its
// number, and is no chapter.
export function readBook({ files }) {
  const pages = files.map(({ name, number, title }) => ({ name: name ? `${name}.html` : "index.html",
    title: number ? `${number}. ${title}` : title, chapter: /^\d/.test(number) }));
  return { pages, places: files.flatMap(placesOf) };
}

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

const bare = code => code.replace(/\(\d?\w*\)$/, "");
const has = (codes, name) => codes.some(code => bare(code) === name);

// Whether a paragraph has a name of the system. One in capitals needs no mark; a word like `signal` must be set as
// code.
const mentions = ({ text, codes }, name) => word(name).test(text) && (/[A-Z_\d]/.test(name) || has(codes, name));

// How a paragraph can explain a name, the best way first: by what stands where, never by what the words mean. Comes
// back with the text to quote from. `isFirst`: it is in the chapter that has the name first.
const begins = (name, { text }) => {
  const at = text.search(new RegExp(`(?<=^|[.?!] )${escapeRegExp(name)}(?=[ ,(])`));
  return at >= 0 && text.slice(at);
};
const ways = [
  // It is bold.
  (name, { terms, text }) => has(terms, name) && text,
  // It is in the sentence that defines a term.
  (name, { text }, place) => /[A-Z]/.test(name) &&
    place.terms.map(term => term.sentence).find(sentence => word(name).test(sentence) && text.includes(sentence)),
  // It is in a heading above.
  (name, { text }, place) => place.above.some(heading => mentions(heading, name)) && text,
  // A sentence begins with it.
  (name, paragraph, place, isFirst) => isFirst && begins(name, paragraph),
  // Its page of the manual is named.
  (name, { codes, text }, place, isFirst) => isFirst && has(codes.filter(code => code !== name), name) && text,
  (name, paragraph) => paragraph.tag === "p" && begins(name, paragraph),
  // A word of the section's title is the same.
  (name, { text }, place) => new RegExp(`\\b${escapeRegExp(name)}\\b`, "i").test(place.title) && text,
  (name, { text }) => text,
];
const explains = ({ tag, place }) => tag !== "td" && !/^(exercise|further|box:predict)$/.test(place);

// Where a name of the system is explained, and in which words. A chapter explains, an appendix looks up, a note adds.
export function definition({ pages, places }, name) {
  const all = places.flatMap((place, number) => pages[place.page].name === "index.html" ? [] :
    place.paragraphs.filter(p => explains(p) && mentions(p, name)).map(paragraph => ({ number, place, paragraph })));
  const inText = all.filter(({ paragraph }) => paragraph.tag !== "note");
  const inChapters = inText.filter(({ place }) => pages[place.page].chapter);
  const found = [inChapters, inText, all].find(list => list.length) ?? [];
  for (const way of ways) {
    for (const { number, place, paragraph } of found) {
      const text = way(name, paragraph, place, place.page === found[0].place.page);
      if (text) return [number, sentence(text, name)];
    }
  }
}

// ---------------------------------------------------------------------------------------------------- the table

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
  if (name !== "SA_RESTART") return [];
  return [`of ${count[0]} waits that would end with EINTR, ${count[0] - count[1]} go on with SA_RESTART`];
}

// ---------------------------------------------------------------------------------------------------- things

const MOST_USES = 8;

// Programs before modules, those of the chapters before those of the appendices, and then who has the name more often.
const rank = source => (/^\d/.test(source.file) ? 2000 : 0) + (/^(program|preload)$/.test(source.kind) ? 1000 : 0);

// Who uses a word of C, best first: [source, line]; not the module itself that has it.
function usersOf(sources, name, module) {
  const users = sources.filter(s => s.file.endsWith(".c") && s.kind !== "test" &&
    s.file.replace(/\.c$/, ".h") !== module && s.words.has(name));
  const weight = s => rank(s) + s.words.get(name).count;
  return users.sort((a, b) => weight(b) - weight(a)).slice(0, MOST_USES).map(s => [s.number, s.words.get(name).line]);
}

// Who includes a header, but for its own module and the tests.
const includersOf = (sources, file) => sources
  .filter(s => s.includes.includes(file) && !/^(module|test)$/.test(s.kind) && s.file !== file.replace(/\.h$/, ".c"))
  .sort((a, b) => rank(b) - rank(a)).slice(0, MOST_USES).map(s => [s.number, 0]);

// Programs, modules with their functions, and tests.
function ourThings(sources, places) {
  const shownIn = file => places.findIndex(place => place.listings.some(listing => listing.file === file));
  return sources.filter(s => s.kind !== "part").flatMap(s => {
    const name = path.basename(s.file), stem = name.replace(/\.\w+$/, "");
    const place = [s.file, s.file.replace(/\.h$/, ".c")].map(shownIn).find(place => place >= 0);
    const parts = { about: s.about, source: s.number, place };
    if (s.kind === "test") return [{ name: stem, kind: "tests", ...parts }];
    if (!name.endsWith(".h")) return [{ name: stem, kind: "program", ...parts }];
    return [{ name, kind: "module", ...parts, uses: includersOf(sources, s.file) },
      ...s.functions.filter(f => f.prototype).map(({ name, about, line }) =>
        ({ name, kind: "function", about, source: s.number, line, uses: usersOf(sources, name, s.file) }))];
  });
}

const errors = os.constants.errno;
const signals = new Set([...Object.keys(os.constants.signals), "SIGCLD", "SIGRTMIN", "SIGRTMAX"]);
function kindOf(name, calls) {
  if (name in errors) return "error";
  if (signals.has(name)) return "signal";
  if (/^(W[A-Z]{5,}|[A-Z][A-Z0-9]+_[A-Z0-9_]+|FIONREAD)$/.test(name)) return "flag";
  if (calls.has(name)) return "call";
}

// What the book names that is not its own: calls, error numbers, signals and flags. A call has a page of the manual or
// a row in the table, or is one that the book speaks of and the code calls.
function theirThings(sources, book, table, tablePlace) {
  const paragraphs = book.places.flatMap(place => place.paragraphs);
  const own = new Set(sources.flatMap(s => s.own));
  const mentioned = new Set(table.map(row => row.call)), calls = new Set(mentioned);
  for (const { codes, text } of paragraphs) {
    for (const code of codes) if (/^\w+\([23]\w*\)$/.test(code)) calls.add(bare(code));
    for (const code of [...codes, ...text.match(/\b(SIG[A-Z]{2,}|E[A-Z]{2,}|[A-Z]+_[A-Z_]+)\b/g) ?? []]) {
      if (/^[A-Za-z_]\w+$/.test(bare(code))) mentioned.add(bare(code));
    }
  }
  const theirs = name => !own.has(name) || calls.has(name) || name in errors;
  const called = new Set(sources.filter(s => s.file.endsWith(".c")).flatMap(s => s.calls)
    .filter(name => !own.has(name)));
  return [...mentioned].sort().filter(theirs).flatMap(name => {
    const kind = kindOf(name, { has: name => calls.has(name) || called.has(name) });
    const rows = [...rowsOf(table, name), ...summaryOf(table, name)].map(row => [tablePlace, row]);
    const def = kind && definition(book, name), uses = usersOf(sources, name);
    return kind && (def || rows.length || uses.length) ? [{ name, kind, def, rows, uses }] : [];
  });
}

// The terms of the glossary, with the sentence that defines each first.
function termThings(places) {
  const things = new Map();
  places.forEach((place, number) => place.terms.forEach(({ term, sentence: text }) => {
    if (!things.has(term)) things.set(term, { name: term, kind: "term", def: [number, sentence(text, term)] });
  }));
  return [...things.values()];
}

function makeIndex(bookModel, codeModel, MiniSearch) {
  const book = readBook(bookModel), { pages, places } = book;
  const sources = codeModel.files.map((file, number) => ({ ...file, number,
    words: new Map(file.words.map(([word, line, count]) => [word, { line, count }])) }));
  const tests = sources.flatMap(s => s.tests.map(test => [test.name, s.number]));
  const tablePlace = places.findIndex(place => place.tables.some(table => table.file.endsWith("/restarts")));
  const table = tablePlace < 0 ? [] :
    readTable(fs.readFileSync(`code/${places[tablePlace].tables[0].file}-glibc.txt`, "utf8"));
  const things = [ourThings(sources, places), theirThings(sources, book, table, tablePlace), termThings(places)].flat();
  const search = new MiniSearch({ fields: ["title", "text"], tokenize, processTerm });
  search.addAll(places.map(({ page, level, title, text }, id) =>
    ({ id, title: `${title} ${level === 1 ? pages[page].title : ""}`, text })));
  return { pages, places, things, tests, sources, search };
}

// ---------------------------------------------------------------------------------------------------- writing

// What the browser gets. Numbers stand for pages, places and sources, and empty ends are left off.
function pack({ pages, places, things, tests, sources, search }) {
  const used = new Set([...things.flatMap(t => [t.source, ...(t.uses ?? []).map(u => u[0])]), ...tests.map(t => t[1])]);
  return {
    pages: pages.map(page => [page.name, page.title]),
    places: places.map(({ page, title, id }) => [page, title, id]),
    sources: sources.map(s => used.has(s.number) ? s.file + ".html" : 0),
    things: things.map(thing => {
      const packed = { ...thing, uses: thing.uses?.flat() };
      for (const key in packed) if (!packed[key] && packed[key] !== 0 || packed[key].length === 0) delete packed[key];
      return packed;
    }),
    tests,
    index: search.toJSON(),
  };
}

// The library, without its comments and indentation, after its license.
function readLibrary(folder) {
  const { version } = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
  const library = fs.readFileSync(path.join(folder, "dist/umd/index.js"), "utf8")
    .replace(/^\s*\/\*\*[\s\S]*?\*\/\n/gm, "").replace(/^\s*\/\/.*\n/gm, "").replace(/^ +/gm, "");
  const license = fs.readFileSync(path.join(folder, "LICENSE.txt"), "utf8").trim();
  return `/* MiniSearch ${version}\n\n${license}\n*/\n${library}`;
}

function main(build) {
  const require = createRequire(path.resolve("build/npm/package.json"));
  const read = name => JSON.parse(fs.readFileSync(path.join(build, name), "utf8"));
  const write = (name, text) => fs.writeFileSync(path.join(build, "html", name), text);
  const index = makeIndex(read("book.json"), read("code.json"), require("minisearch"));
  const engine = fs.readFileSync(path.join(build, "search.js"), "utf8");
  write("minisearch.js", readLibrary(path.resolve("build/npm/node_modules/minisearch")));
  write("search-index.js", `var bookSearch = ${JSON.stringify(pack(index))};\n` +
    `bookSearch.tokenize = ${tokenize};\nbookSearch.processTerm = ${processTerm};\n${engine}`);
  write("search-text.js", `var bookText = ${JSON.stringify(index.places.map(place => place.text))};\n`);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) main(process.argv[2]);
