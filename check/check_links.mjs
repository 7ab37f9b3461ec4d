// Every link of some pages leads somewhere: node check/check_links.mjs build/html
//
// A link inside the folder must lead to a file, its #fragment to an id of that page, and no page may have an id twice.
// Prints a count; each mistake goes to stderr with its page and line. Exit status: 0, 1 for a mistake or when there are
// no pages, 2 for a wrong call.
import fs from "node:fs";
import path from "node:path";
import { installed } from "./browser.mjs";

const { parse } = installed("parse5");
const [, , folder, ...more] = process.argv;
if (!folder || more.length) {
  console.error("usage: node check/check_links.mjs FOLDER");
  process.exit(2);
}

let mistakes = 0;
function complain(name, line, message) {
  mistakes++;
  console.error(`${name}:${line}: ${message}`);
}

// Calls `visit` with the attributes, by name, and the line of each element below a node.
function eachElement(node, visit) {
  for (const child of node.childNodes) {
    if (!child.attrs) continue;
    const attributes = Object.fromEntries(child.attrs.map(attribute => [attribute.name, attribute.value]));
    visit(attributes, child.sourceCodeLocation?.startLine);
    eachElement(child.content ?? child, visit);
  }
}

// A page: its ids, and its links, each [line, address].
function readPage(name) {
  const page = { ids: new Set(), links: [] };
  const text = fs.readFileSync(path.join(folder, name), "utf8");
  eachElement(parse(text, { sourceCodeLocationInfo: true }), ({ id, href, src }, line) => {
    if (page.ids.has(id)) complain(name, line, `the id ${id} stands twice`);
    if (id !== undefined) page.ids.add(id);
    for (const address of [href, src]) {
      if (address !== undefined && !/^[a-z][\w+.-]*:/i.test(address)) page.links.push([line, address]);
    }
  });
  return page;
}

function decode(address) {
  try {
    return decodeURIComponent(address);
  } catch {
    return address; // no file has this name
  }
}

const isFile = name => fs.statSync(path.join(folder, name), { throwIfNoEntry: false })?.isFile();

function checkLink(pages, name, line, address) {
  const [, to, fragment] = address.match(/^([^#?]*)[^#]*#?(.*)$/s).map(decode);
  const target = to === "" ? name : path.posix.join(path.posix.dirname(name), to);
  const page = pages.get(target);
  if (!page && !isFile(target)) complain(name, line, `link to ${address}: there is no such file`);
  else if (fragment && !fragment.startsWith(":~:") && !page?.ids.has(fragment)) {
    complain(name, line, `link to ${address}: the page has no such id`);
  }
}

const names = fs.readdirSync(folder, { recursive: true }).filter(name => name.endsWith(".html")).sort();
const pages = new Map(names.map(name => [name, readPage(name)]));
let links = 0;
for (const [name, page] of pages) {
  links += page.links.length;
  for (const [line, address] of page.links) checkLink(pages, name, line, address);
}
console.log(`${names.length} pages, ${links} links inside, ${mistakes} wrong`);
process.exitCode = mistakes === 0 && names.length > 0 ? 0 : 1;
