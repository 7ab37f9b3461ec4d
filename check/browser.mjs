// What the checks of the pages share: a local server, a browser to look at what it serves, and how tests run.
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import zlib from "node:zlib";
import { createRequire } from "node:module";

// require() for what make deps has put below build/npm.
export const installed = createRequire(new URL("../build/npm/package.json", import.meta.url));

// CHROMIUM names the browser. It may ask nobody anything on its own.
export const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--no-first-run", "--disable-quic"];
export const launch = () => installed("playwright-core").chromium.launch({ executablePath: chromium, args: flags });

const types = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript",
  ".svg": "image/svg+xml" };

function answer(folder, keep, request, response) {
  const file = path.join(folder, decodeURIComponent(new URL(request.url, "http://x").pathname));
  if (file.endsWith("/favicon.ico")) return response.writeHead(204).end(); // asked for beside a bare text
  if (!file.startsWith(folder + path.sep) || !fs.statSync(file, { throwIfNoEntry: false })?.isFile()) {
    return response.writeHead(404, { "content-type": "text/plain" }).end("not found\n");
  }
  const headers = { "content-type": types[path.extname(file)] ?? "text/plain; charset=utf-8",
    "cache-control": keep, "vary": "accept-encoding" };
  const zip = /\bgzip\b/.test(request.headers["accept-encoding"]);
  const body = zip ? zlib.gzipSync(fs.readFileSync(file)) : fs.readFileSync(file);
  if (zip) headers["content-encoding"] = "gzip";
  response.writeHead(200, { ...headers, "content-length": body.length }).end(body);
}

// Serve the files of a folder, as a host of pages does, with gzip. Keep says how long a browser may keep them: here not
// at all, so that each visit is the first. Comes back with the address, which ends in a slash, and with close().
export async function serve(folder, keep = "no-store") {
  const server = http.createServer((request, response) => answer(path.resolve(folder), keep, request, response));
  await new Promise(done => server.listen(0, "127.0.0.1", done));
  return {
    root: `http://127.0.0.1:${server.address().port}/`,
    close: () => { server.close(); server.closeAllConnections(); },
  };
}

// Run tests, each [name, function], one after the other; then end what they needed, and the process.
export async function runTests(title, tests, end) {
  let passed = 0, failed = 0;
  for (const [name, run] of tests) {
    try {
      await run();
      passed++;
    } catch (error) {
      failed++;
      console.log(`FAILED: ${name}\n  ${String(error.stack).split("\n").slice(0, 14).join("\n  ")}`);
    }
  }
  await end();
  console.log(`${title}: ${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}
