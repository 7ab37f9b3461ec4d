// What a page can do beyond being read: find things, copy code, change its light, remember the place.
// Nothing here is needed for reading. Nothing leaves the machine. (The words are those of pandoc/words/: see fill.lua.)
(() => {
  "use strict";
  const root = new URL(".", document.currentScript.src); // where the site is, also from code/NAME/x.c.html
  const page = location.href.split(/[?#]/)[0].slice(root.href.length) || "index.html";

  // Storage may be forbidden: then nothing is remembered, and everything else works.
  const recall = name => {
    try { return JSON.parse(localStorage.getItem("interrupted." + name)); } catch { return null; }
  };
  const remember = (name, value) => {
    try { localStorage.setItem("interrupted." + name, JSON.stringify(value)); } catch { /* then not */ }
  };

  // The light comes first, before anything is drawn; all the rest waits for the page.
  const themes = ["system", "dark", "light"];
  let theme;
  const setTheme = name => {
    theme = themes.includes(name) ? name : "system";
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  };
  setTheme(recall("theme"));

  document.addEventListener("DOMContentLoaded", () => {
    const main = document.querySelector("main");

    const make = (tag, attributes, ...children) => {
      const element = document.createElement(tag);
      for (const name in attributes) element.setAttribute(name, attributes[name]);
      element.append(...children.filter(child => child));
      return element;
    };
    const button = (text, label, act) => {
      const b = make("button", { type: "button", ...(label && { "aria-label": label }) }, text);
      b.addEventListener("click", act);
      return b;
    };

    const status = make("p", { role: "status", class: "unseen" });
    const say = text => { status.textContent = text; };

    // ------------------------------------------------------------------------------------------------ light

    const themeName = () => "@{words.theme}" +
      { system: "@{words.theme_system}", dark: "@{words.theme_dark}", light: "@{words.theme_light}" }[theme];
    const themeButton = button(themeName(), "", () => {
      setTheme(themes[(themes.indexOf(theme) + 1) % themes.length]);
      themeButton.textContent = themeName();
      remember("theme", theme);
      say(themeName());
    });

    // ------------------------------------------------------------------------------------------------ copying

    const copyText = text => {
      const byHand = () => new Promise((done, failed) => { // where there is no clipboard, or it is refused
        const area = make("textarea", { class: "unseen", "aria-hidden": "true" });
        const focus = document.activeElement;
        area.value = text;
        document.body.append(area);
        area.select();
        const copied = document.execCommand("copy");
        area.remove();
        focus?.focus();
        if (copied) done();
        else failed();
      });
      return navigator.clipboard ? navigator.clipboard.writeText(text).catch(byHand) : byHand();
    };
    const copyButton = (label, text) => {
      const show = (word, spoken) => {
        b.textContent = word;
        b.setAttribute("aria-label", spoken);
      };
      const b = button("@{words.copy}", label, () => copyText(text()).then(
        () => { show("@{words.copied}", "@{words.copied}"); say("@{words.copied}"); },
        () => { show("@{words.copy_failed}", "@{words.copy_failed}"); say("@{words.could_not_copy}"); },
      ).then(() => setTimeout(() => { show("@{words.copy}", label); say(""); }, 2000)));
      b.className = "copy";
      return b;
    };
    for (const figure of document.querySelectorAll("figure.listing")) {
      const code = figure.querySelector("pre code, pre");
      if (!code) continue;
      figure.querySelector("figcaption")?.append(copyButton("@{words.copy_code}",
        () => code.textContent.replace(/\n*$/, "\n")));
    }
    for (const session of document.querySelectorAll("pre.session")) {
      const commands = [...session.querySelectorAll("kbd:not([class])")];
      if (!commands.length) continue;
      const box = make("div", { class: "copyable" });
      session.replaceWith(box);
      box.append(session, copyButton(commands.length > 1 ? "@{words.copy_commands}" : "@{words.copy_command}",
        () => commands.map(command => command.textContent + "\n").join("")));
    }

    // ------------------------------------------------------------------------------------------------ dialogs

    const dialog = (id, label, ...children) => {
      const d = make("dialog", { id, "aria-label": label }, ...children);
      d.append(button("@{words.close}", "", () => d.close()));
      d.addEventListener("click", event => { if (event.target === d) d.close(); }); // outside of it
      return d;
    };
    const keys = (...names) => make("dt", {},
      ...names.flatMap((name, i) => [i ? " " : "", make("kbd", { class: "key" }, name)]));
    const help = dialog("help", "@{words.shortcuts}", make("h2", {}, "@{words.keyboard}"), make("dl", {},
      keys("/"), make("dd", {}, "@{words.key_search}"),
      keys("↓", "↑"), make("dd", {}, "@{words.key_arrows}"),
      keys("Esc"), make("dd", {}, "@{words.key_escape}"),
      keys("?"), make("dd", {}, "@{words.key_help}")));

    // ------------------------------------------------------------------------------------------------ search

    const load = name => new Promise((done, failed) => {
      const script = make("script", { src: new URL(name, root) });
      script.onload = done;
      script.onerror = failed;
      document.head.append(script);
    });

    // All else of the search is loaded when somebody searches for the first time; see search.js.
    const input = make("input", { type: "search", id: "query", autocomplete: "off", autocapitalize: "off",
      spellcheck: "false", placeholder: "@{words.search_example}" });
    const found = make("p", { class: "found", role: "status" });
    const results = make("div", { class: "search-results" });
    const label = make("label", { for: "query" }, "@{words.search_label}");
    const search = dialog("search", "@{words.search}", label, input, found, results);
    let loading;
    const loadSearch = () => {
      found.textContent = "@{words.search_loading}";
      loading = Promise.all([load("minisearch.js"), load("search-index.js")]).then(
        () => startSearch({ make, load, root, search, input, found, results }),
        () => { found.textContent = "@{words.search_failed}"; loading = null; });
    };
    const openSearch = () => {
      if (!search.open) search.showModal();
      input.focus();
      input.select();
      if (!loading) loadSearch();
    };
    const openHelp = () => { if (!help.open) help.showModal(); };
    document.addEventListener("keydown", event => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (event.target.closest("input, textarea, select, [contenteditable], dialog")) return;
      const act = { "/": openSearch, "?": openHelp }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });

    const searchButton = button("@{words.search}", "", openSearch);
    const helpButton = button("?", "@{words.shortcuts}", openHelp);
    document.querySelector("#tools")?.append(searchButton, themeButton, helpButton);
    document.body.append(status, search, help);

    // ------------------------------------------------------------------------------------------------ the place

    const nameOf = heading => {
      const copy = heading.cloneNode(true);
      for (const extra of copy.querySelectorAll("[aria-hidden], .anchor, .permalink, button")) extra.remove();
      return copy.textContent.replace(/\s+/g, " ").trim();
    };
    const headings = [...main?.querySelectorAll("h2, h3") ?? []].filter(h => h.id || h.closest("section[id]"));
    const idOf = heading => heading.id || heading.closest("section[id]").id;
    const side = document.querySelector("nav.side");
    const links = new Map([...side?.querySelectorAll("a[href*='#']") ?? []]
      .map(link => [decodeURIComponent(link.hash.slice(1)), link]));
    let current = null;

    const mark = heading => {
      if (heading === current) return;
      current = heading;
      side?.querySelector("[aria-current=location]")?.removeAttribute("aria-current");
      const listed = headings.slice(0, headings.indexOf(heading) + 1).reverse().find(h => links.has(idOf(h)));
      const link = listed && links.get(idOf(listed));
      if (link) {
        link.setAttribute("aria-current", "location");
        // The tree scrolls, and not the page.
        const box = side.getBoundingClientRect(), line = link.getBoundingClientRect();
        if (line.bottom > box.bottom || line.top < box.top) side.scrollTop += line.top - box.top - box.height / 3;
      }
      const { [page]: before, ...places } = recall("places") ?? {};
      const title = document.querySelector("h1").textContent.trim();
      // At its beginning one keeps one's place.
      const place = heading ? [title, idOf(heading), nameOf(heading)] : before ?? [title];
      remember("places", { ...places, [page]: place }); // the newest is the last
    };
    const watch = () => {
      const line = innerHeight / 4;
      mark(headings.filter(heading => heading.getBoundingClientRect().top <= line).pop());
    };
    const isText = document.body.matches(".chapter, .whole") && !page.startsWith("code/");
    if (isText && headings.length) {
      const observer = new IntersectionObserver(watch, { rootMargin: "9999999px 0px -75% 0px" });
      for (const heading of headings) observer.observe(heading);
    }

    const last = Object.entries(recall("places") ?? {}).pop();
    if (page === "index.html" && last) {
      const [name, [title, id, part]] = last;
      const link = make("a", { href: new URL(name + (id ? "#" + id : ""), root) }, title + (part ? ", " + part : ""));
      (main.querySelector(".subtitle") ?? main.querySelector("h1"))
        .after(make("p", { class: "continue" }, "@{words.continue}", link));
    }
  });
})();
