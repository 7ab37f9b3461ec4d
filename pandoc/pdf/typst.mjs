// Set the PDF: node pandoc/pdf/typst.mjs build/interrupted.typ build/interrupted.pdf [a4 or us-letter]
// Run from the top of the book. Beside X.pdf it writes X.json: { wide: [pages where a figure may reach into the
// margins] }. A warning (a missing font, say) is an error, and so is what PDF/UA-1 does not allow.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const [source, target, paper = "a4"] = process.argv.slice(2);
// The package lives under build/, where this script's folder would not look for it.
const require = createRequire(path.resolve("build/npm/package.json"));
const { NodeCompiler } = require("@myriaddreamin/typst-ts-node-compiler");

const compiler = NodeCompiler.create({
  workspace: process.cwd(),
  fontArgs: [{ fontPaths: ["/usr/share/fonts", "/usr/share/texmf/fonts"] }],
  inputs: { paper },
});
const result = compiler.compile({ mainFilePath: source });
const warnings = result.takeWarnings();
if (warnings) console.error(JSON.stringify(warnings.shortDiagnostics, null, 1));
if (result.hasError()) result.printErrors();
if (warnings || result.hasError()) process.exit(1);

fs.writeFileSync(target, compiler.pdf(result.result, { pdfStandard: "ua-1" }));
const wide = compiler.query(result.result, { selector: "<wide>", field: "value" });
fs.writeFileSync(target.replace(/\.pdf$/, ".json"), JSON.stringify({ wide }) + "\n");
console.log(`${target}: ${result.result.numOfPages} pages`);
