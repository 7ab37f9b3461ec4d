-- weave.lua: put code, recorded runs and tables into the chapters, or check that they are there.
--
--   lua5.4 weave/weave.lua [--check] BUILD
--
-- Run it from the repository's top. BUILD/book.json says where in which file each listing, session and table stands,
-- BUILD/code.list what each source is. Without --check it rewrites their bodies (only when they change, by a rename; a
-- file with an error is not touched). With --check it writes nothing: it reports what weaving would change, and what
-- of code/ no chapter shows. Exit status: 0, 1 for errors (`weave: FILE:LINE: message`), 2 for bad usage.
--
-- In the Markdown, the reader being pandoc's, with whatever fence, in whatever list or quote:
--     ```c {file="NAME/x.c" fragment="The child"}   body woven from the fragment of code/NAME/x.c: see source.lua
--     ```console {run="NAME/x"}                     body woven from code/NAME/x.transcript
--     <!-- table: NAME/x -->                        up to <!-- end of table -->: what code/NAME/x.lua prints, or
--                                                   the file code/NAME/x.md
--
-- TRANSCRIPTS, line by line (record.c says what they mean):
--     # comment                            dropped
--     $ command, [5] text, [5.5] text      shown
--     @3 <Ctrl-C>, @"text" <Ctrl-C>        dropped: the terminal echoes a key
--     @3 $ cmd, @"text" $ cmd              shown as `$ cmd`
--
-- SHOWN. Each fragment of the book's programs and modules is shown once, each transcript at least once. The book's are
-- the programs that promise what all of them do (code/contracts.awk), their transcripts, and all files of which
-- anything is shown; the others are a reader's own.

local here = arg[0]:match("^.*/") or ""
local lib = dofile(here .. "lib.lua")
local source = dofile(here .. "source.lua")
local json = require "dkjson"

local errors = 0

-- Report one error. Returns nothing, so that `return complain(...)` ends a search.
local function complain(path, line, format, ...)
  errors = errors + 1
  io.stderr:write(("weave: %s:%d: "):format(path, line), format:format(...), "\n")
end

local function blame(block, ...) return complain(block.path, block.line, ...) end

-- A function that calls `load` once for each name and keeps what it returned.
local function once(load)
  local kept = {}
  return function(name)
    if kept[name] == nil then kept[name] = load(name) or false end
    return kept[name]
  end
end

local function count(n, noun) return ("%d %s%s"):format(n, noun, n == 1 and "" or "s") end

local function is_blank(line) return not line:find("%S") end

-- What is woven ---------------------------------------------------------------

-- The source under code/: its fragments, .path, and .broken if a section comment is wrong. False if there is none.
local load_source = once(function(file)
  local path, before = "code/" .. file, errors
  local text = lib.read(path)
  if not text then return false end
  local fragments = source.fragments(text, function(line, message) complain(path, line, "%s", message) end)
  fragments.path, fragments.broken = path, errors > before
  return fragments
end)

local function names_in(fragments)
  local names = {}
  for i, fragment in ipairs(fragments) do names[i] = '"' .. fragment.name .. '"' end
  return #names > 0 and table.concat(names, ", ") or "no fragment"
end

local ACTIONS = { '^@%d+%.?%d* (.+)$', '^@"..-" (<[^<>]+>)$', '^@"..-" (%$ .+)$' }

-- What a transcript's line shows, false if nothing; nil if it is not a good line.
local function shown_of(line)
  if line:find("^#") then return false end
  if line:find("^%$ .") or line:find("^%[%d+%.?%d*%]$") or line:find("^%[%d+%.?%d*%] ") then return line end
  for _, pattern in ipairs(ACTIONS) do
    local action = line:match(pattern)
    if action and action:find("^%$ .") then return action end
    if action and action:find("^<[^<>]+>$") then return false end
  end
end

-- The lines that a recorded run shows; .broken if a line of the transcript is wrong. False if there is none.
local load_run = once(function(name)
  local path = "code/" .. name .. ".transcript"
  local text, before, run = lib.read(path), errors, {}
  if not text then return false end
  for n, line in ipairs(source.lines(text)) do
    local shown = shown_of(line)
    if shown then
      table.insert(run, shown)
    elseif shown == nil then
      complain(path, n, "expected `# ...`, `$ ...`, `[TICK] ...` or `@WHEN ...`, found: %s", line)
    end
  end
  run.broken = errors > before
  return run
end)

-- The lines of a table; false if there is none.
local load_table = once(function(name)
  local program = "code/" .. name .. ".lua"
  local text = lib.read("code/" .. name .. ".md")
  if not text and lib.exists(program) then
    local ok
    text, ok = lib.output_of("lua5.4 " .. lib.quoted(program))
    if not ok then return complain(program, 1, "%s", text) end
  end
  if not text then return false end
  local lines = source.lines(text)
  table.insert(lines, 1, "")
  table.insert(lines, "")
  return lines
end)

-- The lines that a block should have; nil after an error.
local expected = {}

function expected.listing(block)
  local fragments = load_source(block.file)
  if not fragments then return blame(block, "no file code/%s", block.file) end
  local found = fragments[block.fragment]
  if found then return not fragments.broken and found.body or nil end
  blame(block, "no fragment \"%s\" in code/%s, which has %s", block.fragment, block.file, names_in(fragments))
end

function expected.session(block)
  local run = load_run(block.run)
  if run then return not run.broken and run or nil end
  blame(block, "no recorded run code/%s.transcript", block.run)
end

function expected.table(block)
  return load_table(block.file) or blame(block, "no table code/%s.lua or .md", block.file)
end

-- Blocks ----------------------------------------------------------------------

-- What stands before a block on each of its lines: that of its first, where the marker of a list becomes blanks.
local function prefix_of(block, line)
  if not block.column then return "" end
  local prefix = line:sub(1, block.column - 1):gsub("[^>%s]", " ")
  return (prefix:gsub(">$", "> ")) -- `>` alone would eat a blank of the code
end

-- A table has none.
local function fence_of(block, line)
  local text = line:sub(block.column or #line + 1)
  return text:match("^```+") or text:match("^~~~+")
end

local function closes(text, fence) return text:find("^[>%s]*" .. fence .. fence:sub(1, 1) .. "*%s*$") ~= nil end

-- Sets block.have and block.want, the lines between its first and its last as they are in the file and as they should
-- be. False after an error.
local function set_want(block, lines)
  local body = expected[block.kind](block)
  if not body then return false end
  local first = lines[block.line]
  local fence, eol, prefix = fence_of(block, first), first:match("\r$") or "", prefix_of(block, first)
  block.have = table.move(lines, block.line + 1, block.last - 1, 1, {})
  block.want = {}
  for i, line in ipairs(body) do
    if fence and closes(line, fence) then
      return blame(block, "the body has a line that would close this fence: expected a longer one") or false
    end
    block.want[i] = (is_blank(line) and prefix:gsub("%s+$", "") or prefix .. line) .. eol
  end
  block.changed = table.concat(block.have, "\n") ~= table.concat(block.want, "\n")
  return true
end

-- Text as lines without "\n"; joining them with "\n" gives the text back, byte for byte.
local function split(text)
  local lines = {}
  for line in (text .. "\n"):gmatch("(.-)\n") do lines[#lines + 1] = line end
  return lines
end

-- A file of the model with its blocks in order, each with its .kind. Is .good unless there was any error.
local function load_chapter(file)
  local chapter = { path = file.file, lines = split(lib.read(file.file)), blocks = {} }
  for kind, list in pairs { listing = "listings", session = "sessions", table = "tables" } do
    for _, block in ipairs(file[list]) do
      block.kind, block.path = kind, file.file
      table.insert(chapter.blocks, block)
    end
  end
  table.sort(chapter.blocks, function(a, b) return a.line < b.line end)
  chapter.good = true
  for _, block in ipairs(chapter.blocks) do chapter.good = set_want(block, chapter.lines) and chapter.good end
  return chapter
end

-- Weaving ---------------------------------------------------------------------

local function weave(chapter)
  local out, from, changed = {}, 1, 0
  for _, block in ipairs(chapter.blocks) do
    if block.changed then
      table.move(chapter.lines, from, block.line, #out + 1, out)
      table.move(block.want, 1, #block.want, #out + 1, out)
      from, changed = block.last, changed + 1
    end
  end
  if changed == 0 then return end
  table.move(chapter.lines, from, #chapter.lines, #out + 1, out)
  lib.write(chapter.path, table.concat(out, "\n"))
  print(("weave: %s: %s refreshed"):format(chapter.path:match("[^/]*$"), count(changed, "block")))
end

-- Checking --------------------------------------------------------------------

-- At most three lines: the reader has the rest.
local function print_some(sign, lines, from, to)
  for i = from, math.min(to, from + 2) do io.stderr:write("    ", sign, " ", (lines[i]:gsub("\r", "\\r")), "\n") end
end

-- The first lines between the beginning and the end that both have in common.
local function report_drift(block)
  local have, want, top, tail = block.have, block.want, 1, 0
  while have[top] and have[top] == want[top] do top = top + 1 end
  local room = math.min(#have, #want) - top
  while tail <= room and have[#have - tail] == want[#want - tail] do tail = tail + 1 end
  blame(block, "the %s is not what code/ has (`make weave` refreshes it); from line %d:",
    block.kind, block.line + top)
  print_some("-", have, top, #have - tail)
  print_some("+", want, top, #want - tail)
end

-- Enter a listing into `shown`, which all chapters share.
local function note_listing(block, shown)
  shown[block.file] = shown[block.file] or {}
  local first = shown[block.file][block.fragment]
  if first then
    return blame(block, "fragment \"%s\" of code/%s is already shown at %s:%d", block.fragment, block.file, first.path,
      first.line)
  end
  shown[block.file][block.fragment] = block
end

local function check_block(block, seen)
  if block.changed then report_drift(block) end
  if block.kind == "listing" then
    note_listing(block, seen.fragments)
    seen.listings = seen.listings + 1
  elseif block.kind == "session" then
    seen.sessions = seen.sessions + (seen.runs[block.run] and 0 or 1)
    seen.runs[block.run] = true
  end
end

-- Each fragment of one source is shown.
local function check_source(file, seen)
  local fragments = load_source(file)
  if not fragments then return complain("code/" .. file, 1, "cannot read this file") end
  for _, fragment in ipairs(fragments) do
    local shown = seen.fragments[file] and seen.fragments[file][fragment.name]
    seen.lines = seen.lines + #fragment.body
    seen.lines_shown = seen.lines_shown + (shown and #fragment.body or 0)
    if not shown then complain(fragments.path, fragment.line, "fragment \"%s\" is shown nowhere", fragment.name) end
  end
end

-- The programs that promise what all of the book do, as contracts.awk found them: by FOLDER/NAME.
local function load_promised(build)
  local promised = {}
  for folder, name in ("\n" .. (lib.read(build .. "/code/programs.list") or "")):gmatch("\n(%S+) (%S+)") do
    promised[folder .. "/" .. name] = true
  end
  return promised
end

local function check_program(file, promised)
  local fragments, stem = load_source(file), file:match("^(.*)%.c$")
  if fragments and #fragments == 0 then
    complain("code/" .. file, 1, "a program without a fragment: expected a line `// § NAME`")
  end
  if not promised[stem] then
    complain("code/" .. file, 1, "the first comment has no line `usage: %s [-h]`, so the common test passes it by",
      stem:match("[^/]*$"))
  end
end

-- The files of code/, as make lists them: `KIND PATH`. Returns how many programs and transcripts in the folders of the
-- chapters are a reader's own.
local function check_code(build, folders, seen)
  local promised, own = load_promised(build), 0
  for kind, file in (lib.read(build .. "/code.list") or ""):gmatch("(%S+) code/([^\n]+)\n") do
    local stem = file:match("^(.*)%.[^.]*$")
    local is_shown = seen.fragments[file] or kind == "transcript" and seen.runs[stem]
    local must_be = kind == "program" or kind == "transcript"
    local is_ours = is_shown or must_be and promised[stem]
    if not is_ours then
      own = own + (must_be and folders[file:match("^[^/]*")] and 1 or 0)
    elseif kind == "transcript" then
      if not is_shown then complain("code/" .. file, 1, "recorded but shown nowhere") end
    else
      check_source(file, seen)
      if kind == "program" then check_program(file, promised) end
    end
  end
  return own
end

local function check(chapters, build)
  local seen = { fragments = {}, runs = {}, listings = 0, sessions = 0, lines = 0, lines_shown = 0 }
  local folders = {}
  for _, chapter in ipairs(chapters) do
    for _, block in ipairs(chapter.blocks) do check_block(block, seen) end
    folders[chapter.path:match("([^/]*)%.md$")] = true
  end
  local own = check_code(build, folders, seen)
  if errors > 0 then return end
  print(("weave: %d of %d lines shown in %s, %s"):format(seen.lines_shown, seen.lines, count(seen.listings, "listing"),
    count(seen.sessions, "recorded run")))
  if own > 0 then print(("weave: %s beside them that the book does not show"):format(count(own, "file"))) end
end

-- The command line ------------------------------------------------------------

local checks = arg[1] == "--check" and table.remove(arg, 1) ~= nil
local build = arg[1]
local text = build and not arg[2] and lib.read(build .. "/book.json")
if not text then
  io.stderr:write("usage: lua5.4 weave/weave.lua [--check] BUILD, where make has made BUILD/book.json\n")
  os.exit(2)
end
local chapters = {}
for i, file in ipairs(json.decode(text).files) do chapters[i] = load_chapter(file) end
if checks then
  check(chapters, build)
else
  for _, chapter in ipairs(chapters) do
    if chapter.good then weave(chapter) end
  end
end
os.exit(errors == 0)
