// The search, loaded on first use together with its data; search.mjs makes both into search-index.js. Its words are
// those of the book's language: see fill.lua. What is asked for as a *thing* of the book (a call, an error number, a
// program) comes before what is found in the text.
function startSearch({ make, load, root, search, input, found, results }) {
  const data = bookSearch;
  const engine = MiniSearch.loadJS(data.index,
    { fields: ["title", "text"], tokenize: data.tokenize, processTerm: data.processTerm });

  const kinds = { call: "@{words.kind_call}", error: "@{words.kind_error}", signal: "@{words.kind_signal}",
    flag: "@{words.kind_flag}", program: "@{words.kind_program}", module: "@{words.kind_module}",
    function: "@{words.kind_function}", tests: "@{words.kind_tests}", term: "@{words.kind_term}" };

  // -------------------------------------------------------------------------------------------------- lines of text

  // Matches each word at its beginning.
  const anyOf = words => {
    const quoted = words.map(w => w.replace(/\W/g, "\\$&"));
    return new RegExp(`(?<![\\p{L}\\p{N}_])(?:${quoted.join("|")})[\\p{L}\\p{N}_]*`, "giu");
  };

  const marked = (text, words) => {
    if (!words.length) return [text];
    const parts = [];
    let end = 0;
    for (const match of text.matchAll(anyOf(words))) {
      parts.push(text.slice(end, match.index), make("mark", {}, match[0]));
      end = match.index + match[0].length;
    }
    return [...parts, text.slice(end)];
  };

  // The words in their sentence, as far as it fits; nothing before the text is loaded.
  const lineWith = (place, words) => {
    const text = window.bookText?.[place] ?? "";
    const near = at => new Set(text.slice(at, at + 60).toLowerCase().match(anyOf(words))).size; // how many of the words
    let at = 0, most = 0;
    for (const { index } of words.length ? text.matchAll(anyOf(words)) : []) {
      if (near(index) > most) [at, most] = [index, near(index)];
    }
    const sentence = text.lastIndexOf(". ", at) + 2;
    const start = sentence < 2 ? 0 : at - sentence < 90 ? sentence : text.indexOf(" ", at - 80) + 1;
    const line = text.slice(start, start + 160);
    return (start > sentence ? "… " : "") + (start + 160 < text.length ? line.replace(/\s\S*$/, " …") : line);
  };

  // -------------------------------------------------------------------------------------------------- where things are

  // A place in the text; browsers that can go to the words quoted, others to the section.
  const placeLink = (place, quoted) => {
    const [number, , id] = data.places[place];
    const words = quoted && !quoted.startsWith("…") && quoted.split(" ").slice(0, 5).join(" ").replace(/[.,:;]$/, "");
    return data.pages[number][0] + (id || words ? "#" + id : "") +
      (words ? ":~:text=" + encodeURIComponent(words).replace(/-/g, "%2D") : "");
  };
  const placeName = place => {
    const [number, title] = data.places[place];
    return data.pages[number][1] + (title ? " › " + title : "");
  };
  const codeLink = (source, at) => "code/" + data.sources[source] + (at ? "#" + at : "");
  const codeName = source => data.sources[source].replace(/\.html$/, "");
  const link = (href, ...children) => make("a", { href: new URL(href, root) }, ...children);
  const where = text => make("span", { class: "where" }, text);

  // -------------------------------------------------------------------------------------------------- entries

  const entry = (href, title, text, words) => make("li", {},
    link(href, where(title), text && make("span", { class: "line" }, ...marked(text, words))));

  const testEntry = ([test, source], words) =>
    entry(codeLink(source, test), "@{words.tested_in}" + codeName(source), test.replaceAll("_", " "), words);

  // All we know of a thing: what it is, where it is explained, who uses it, its rows in the table, and tests about it.
  const thingEntries = ({ def, about, place, rows = [], source, line, uses = [] }, words, tests) => {
    const list = [];
    if (source !== undefined) list.push(entry(codeLink(source, line && "L" + line), codeName(source), about, words));
    if (def) list.push(entry(placeLink(...def), placeName(def[0]), def[1], words));
    if (place !== undefined) list.push(entry(placeLink(place), "@{words.explained_in}" + placeName(place)));
    const users = [];
    for (let i = 0; i < uses.length; i += 2) {
      const [user, at] = uses.slice(i);
      users.push(i ? ", " : "", link(codeLink(user, at && "L" + at), codeName(user).replace(/.*\//, "")));
    }
    if (users.length) list.push(make("li", { class: "uses" }, where("@{words.used_in}"), ...users));
    for (const [at, row] of rows) list.push(entry(placeLink(at), placeName(at), row, words));
    return list.concat(tests.map(test => testEntry(test, words)));
  };

  const thingLink = ({ def, source, line, rows, uses }) => def ? placeLink(...def) : rows ? placeLink(rows[0][0]) :
    source === undefined ? codeLink(uses[0], "L" + uses[1]) : codeLink(source, line && "L" + line);
  const thingLine = (thing, words) =>
    entry(thingLink(thing), `${thing.name}, ${kinds[thing.kind]}`,
      thing.def?.[1] ?? thing.about ?? thing.rows?.[0][1], words);

  const section = (title, kind, entries) => entries.length &&
    make("section", {}, make("h2", {}, title, kind && make("small", {}, " " + kind)), make("ul", {}, ...entries));

  // -------------------------------------------------------------------------------------------------- finding

  const find = () => {
    const query = input.value.trim();
    const words = data.tokenize(query);
    if (!words.length) {
      results.replaceChildren();
      found.textContent = "";
      return;
    }
    const asked = query.toLowerCase().replace(/\(\d?\w*\)$|\.c$/, "");
    const names = thing => [thing.name.toLowerCase(), thing.name.toLowerCase().replace(/\.h$/, "")];
    const same = data.things.filter(thing => names(thing).includes(asked)).sort((a, b) => !a.def - !b.def);
    const like = asked.length < 2 ? [] :
      data.things.filter(thing => !same.includes(thing) && names(thing)[0].startsWith(asked))
        .sort((a, b) => b.name.startsWith(query) - a.name.startsWith(query) || !a.def - !b.def).slice(0, 5);
    const options = { prefix: term => term.length > 1, fuzzy: term => term.length > 4 && 0.2, boost: { title: 3 },
      combineWith: "AND" };
    let hits = engine.search(query, options);
    if (!hits.length) hits = engine.search(query, { ...options, combineWith: "OR" });
    const tests = data.tests.filter(([test]) => same.length ? `_${test}_`.includes(`_${asked}_`) :
      words.every(word => `_${test}`.includes(`_${word}`))).slice(0, 3);
    const defined = id => same.some(({ def }) => def?.[0] === id);
    results.replaceChildren(...[
      ...same.map((thing, i) => section(thing.name, kinds[thing.kind], thingEntries(thing, words, i ? [] : tests))),
      section("@{words.things}", "", like.map(thing => thingLine(thing, words))),
      section("@{words.in_the_text}", "", hits.filter(({ id }) => !defined(id)).slice(0, 12).map(({ id, terms }) =>
        entry(placeLink(id), placeName(id), lineWith(id, terms), terms))),
      section("@{words.tests}", "", same.length ? [] : tests.map(test => testEntry(test, words))),
    ].filter(part => part));
    const n = results.querySelectorAll("li").length;
    found.textContent = n ? `${n} ${n > 1 ? "@{words.results}" : "@{words.result}"}` : "@{words.nothing_found}";
  };

  search.addEventListener("keydown", event => {
    const stops = [input, ...results.querySelectorAll("a")];
    const at = stops.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") search.close(); // in a search field the first one would only empty it
    else if (step && at >= 0) stops[(at + step + stops.length) % stops.length].focus();
    else if (event.key === "Enter" && event.target === input) stops[1]?.click();
    else return;
    event.preventDefault();
  });
  results.addEventListener("click", event => { if (event.target.closest("a")) search.close(); });
  input.addEventListener("input", find);
  find();
  load("search-text.js").then(find, () => {}); // the lines to quote may come later, or never
}
