-- Are the pages right HTML, and is the EPUB a right EPUB? lua5.4 check/check_formats.lua HTML_FOLDER FILE.epub
--
-- Asks the Nu HTML checker about every page and style sheet below the folder, and epubcheck about the EPUB. A warning
-- is a mistake, too. Prints what they have to say; exit status 0, 1 if that is anything, 2 for bad usage.

local here = arg[0]:match('^.*/') or ''
local lib = dofile(here .. '../weave/lib.lua')
local folder, epub = arg[1], arg[2]
if not epub or arg[3] then
  io.stderr:write("usage: lua5.4 check/check_formats.lua HTML_FOLDER FILE.epub\n")
  os.exit(2)
end

-- The lines that this command prints but for those with one of the `quiet` patterns, and whether it succeeded.
local function lines_of(command, quiet)
  local text, ok = lib.output_of(command)
  local found = {}
  for line in text:gmatch("[^\n]+") do
    local is_quiet = false
    for _, pattern in ipairs(quiet) do is_quiet = is_quiet or line:find(pattern) ~= nil end
    if not is_quiet then table.insert(found, line) end
  end
  return found, ok
end

local bad = false
local function check(name, command, quiet)
  local lines, ok = lines_of(command, quiet)
  bad = bad or not ok or #lines > 0
  for _, line in ipairs(lines) do print(name .. ": " .. line) end
  if not ok and #lines == 0 then print(name .. ": failed: " .. command) end
  return #lines
end

local pages = lines_of(("cd %s && find . -name '*.html'"):format(lib.quoted(folder)), {})
if #pages == 0 then print("no pages in " .. folder) os.exit(1) end
-- The checker does not count the files beside a page as its own origin ('self'); browsers do.
local own_files = { "external stylesheet “[./]*style%.css” blocked by",
  "external script “[./]*script%.js” blocked by" }
local vnu = here .. "../build/npm/node_modules/vnu-jar/build/dist/vnu.jar"
local html = check("html", ("java -Xss4m -jar %s --skip-non-html --also-check-css %s"):format(
  lib.quoted(vnu), lib.quoted(folder)), own_files)
local book = check("epub", "java -jar /usr/share/java/epubcheck.jar " .. lib.quoted(epub),
  { "^Validating using EPUB", "^No errors or warnings", "^Messages: 0 ", "^EPUBCheck completed" })
print(("formats: %d pages, %d mistakes; %s, %d mistakes"):format(#pages, html, epub, book))
os.exit(not bad)
