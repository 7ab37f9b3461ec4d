-- weave.lua: put code and recorded runs into the chapters, or check that they are there.
--
--   lua5.4 weave/weave.lua [--check] [--cc "COMPILER FLAGS"] FILE.md...
--
-- Run it from the repository's top. Without --check it rewrites the bodies of
-- listings and sessions in each FILE (only when they change, by a rename; a file
-- with an error is not touched). With --check it writes nothing: it reports what
-- weaving would change, compiles the snippets and counts what the chapters show.
-- Exit status: 0, 1 for errors (`weave: FILE:LINE: message`), 2 for bad usage.
--
-- FRAGMENTS. A C source is a row of fragments, each begun by a line, at column 0,
--     // § NAME
-- and ending before the next such line. What stands before the first is the head.
-- A listing shows a fragment without its § line and its outer blank lines. A name
-- is used once in a file, and has no double quote or backtick in it.
--
-- TRANSCRIPTS (code/NAME/x.transcript), line by line:
--     # comment                 dropped
--     $ command                 shown
--     [5] text, [5.5] text      shown: what appeared at that tick
--     @3 <Ctrl-C>               dropped: a key typed at a tick; the terminal echoes it
--     @"text" <Ctrl-C>          dropped: a key typed when the text has appeared
--     @3 $ cmd, @"text" $ cmd   shown as `$ cmd`
--
-- BLOCKS in Markdown, fenced by backticks or tildes:
--     ```c {file="NAME/x.c" fragment="The child"}   body woven from code/NAME/x.c
--     ```console {run="NAME/x"}                     body woven from code/NAME/x.transcript
--     ```c {.snippet}                               body is the author's; it must compile
-- Any other c or console block is an error; other languages are left alone. An
-- attribute's value stands in double quotes. A block may stand in a list or a
-- quote: whatever mix of blanks and `>` precedes its fence precedes each of its
-- lines. A fence never shares its line with a list marker, and there are no
-- indented code blocks: an indented fence is a fence.
--
-- SNIPPETS see the headers in HEADERS, and declare whatever else they use. One with
-- an #include or a function's first line (`type name(`) at column 0 is compiled as
-- it stands; any other is statements, and is compiled inside a function. That
-- returns a long, or nothing if the snippet says `return;`. A `#define _GNU_SOURCE`
-- in a snippet counts for the headers as well. Nothing unused is an error.
--
-- SHOWN. The chapter NAME.md answers for code/NAME/: each fragment of its .c and .h
-- files (but test_*.c and bench_*.c) is shown once in all the files given, each transcript at
-- least once, and a program (a .c with no .h of its name) has fragments.

local CC = "cc -std=c11 -D_XOPEN_SOURCE=700 -Wall -Wextra -Werror"
local HEADERS = "err.h errno.h fcntl.h inttypes.h limits.h poll.h pthread.h setjmp.h signal.h spawn.h "
  .. "stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h sys/select.h "
  .. "sys/socket.h sys/stat.h sys/time.h sys/types.h sys/wait.h termios.h time.h unistd.h"

local errors = 0

-- Report one error. Returns nothing, so that `return complain(...)` ends a search.
local function complain(path, line, format, ...)
  errors = errors + 1
  io.stderr:write(("weave: %s:%d: "):format(path, line), format:format(...), "\n")
end

local function blame(block, ...) return complain(block.path, block.line, ...) end

-- Text as lines without "\n"; joining them with "\n" gives the text back, byte for byte.
local function split(text)
  local lines = {}
  for line in (text .. "\n"):gmatch("(.-)\n") do lines[#lines + 1] = line end
  return lines
end

-- A file's text, or nil: opening a directory works, reading it does not.
local function read_file(path)
  local f = io.open(path, "rb")
  local text = f and f:read("a")
  if f then f:close() end
  return text
end

-- Write beside the file and rename, so that no reader and no crash meets half of it.
local function replace_file(path, text)
  local beside = path .. ".weave"
  local f, why = io.open(beside, "wb")
  if not f then return complain(path, 1, "cannot write: %s", why) end
  local ok
  ok, why = f:write(text)
  if ok then ok, why = f:close() end -- a full disk may show only here
  if ok then ok, why = os.rename(beside, path) end
  if ok then return true end
  os.remove(beside)
  return complain(path, 1, "cannot write: %s", why)
end

-- The output of a shell command, and whether it succeeded.
local function output_of(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local text = pipe:read("a")
  return text, pipe:close()
end

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

-- Fragments -------------------------------------------------------------------

local function trim_blank_lines(lines)
  while lines[1] and is_blank(lines[1]) do table.remove(lines, 1) end
  while lines[1] and is_blank(lines[#lines]) do table.remove(lines) end
end

-- The fragment that a line begins, or nil. A near miss would end up inside the
-- fragment before it, unseen; so it is an error.
local function begin_fragment(source, n, line)
  local name = line:match("^// § (%S.-)%s*$")
  if not name then
    if line:find("^%s*//%s*§") then complain(source.path, n, "expected `// § NAME` at column 0, found: %s", line) end
  elseif source.named[name] then
    complain(source.path, n, "fragment \"%s\" is already on line %d: a name is used once in a file",
      name, source.named[name].line)
  else
    source.named[name] = { name = name, line = n, body = {} }
    table.insert(source, source.named[name])
    return source.named[name]
  end
end

-- The source under code/: its fragments in order and, in .named, by name; .broken if
-- a section comment is wrong. False if there is no such file.
local load_source = once(function(file)
  local source = { path = "code/" .. file, named = {} }
  local text, before, fragment = read_file(source.path), errors, nil
  if not text then return false end
  for n, line in ipairs(split(text)) do
    line = line:gsub("\r$", "")
    local begun = begin_fragment(source, n, line)
    if fragment and not begun then table.insert(fragment.body, line) end
    fragment = begun or fragment
  end
  for _, each in ipairs(source) do trim_blank_lines(each.body) end
  source.broken = errors > before
  return source
end)

local function names_in(source)
  local names = {}
  for i, fragment in ipairs(source) do names[i] = '"' .. fragment.name .. '"' end
  return #names > 0 and table.concat(names, ", ") or "no fragment"
end

-- Transcripts -----------------------------------------------------------------

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

-- The lines that a recorded run shows; .broken if a line of the transcript is wrong.
-- False if there is none.
local load_run = once(function(name)
  local path = "code/" .. name .. ".transcript"
  local text, before, run = read_file(path), errors, {}
  if not text then return false end
  for n, line in ipairs(split((text:gsub("\n$", "")))) do
    line = line:gsub("\r$", "")
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

-- Blocks ----------------------------------------------------------------------

-- The block that a line opens, or nil.
local function open_block(path, n, line)
  local lead = "^([%s>%-*+%d.)]*)"
  local prefix, fence, info = line:match(lead .. "(```+)([^`]*)$")
  if not fence then prefix, fence, info = line:match(lead .. "(~~~+)(.*)$") end
  if not fence then return nil end
  if prefix:find("[^%s>]") then
    return complain(path, n, "a fence stands on a line of its own, below the list's marker")
  end
  local attributes, bare = {}, info:gsub('"[^"]*"', "")
  for key, value in info:gmatch('([%w-]+)="([^"]*)"') do attributes[key] = value end
  attributes.snippet = bare:find("%.snippet%f[^%w-]") ~= nil
  local language = bare:match("^%s*([^%s{]+)") or bare:match("%.([%w-]+)") or "" -- ```c or ```{.c}
  return { path = path, line = n, prefix = prefix, fence = fence, language = language:lower(),
    attributes = attributes, body = {} }
end

-- What follows the block's prefix on a line, or nil if the line has left the block.
local function inside(line, prefix)
  if line:sub(1, #prefix) == prefix then return line:sub(#prefix + 1) end
  if line:gsub("%s+$", "") == prefix:gsub("%s+$", "") then return "" end
end

local function closes(text, fence)
  return text:find("^ ? ? ?" .. fence .. fence:sub(1, 1) .. "*%s*$") ~= nil
end

-- All fenced blocks of a Markdown file, or nil if one is not closed: from there on
-- text could be taken for code, and code for text.
local function find_blocks(path, lines)
  local blocks, block = {}, nil
  for n, line in ipairs(lines) do
    local text = block and inside(line, block.prefix)
    if not block then
      block = open_block(path, n, line)
    elseif not text then
      return complain(path, block.line, "this fence is not closed: line %d does not begin with \"%s\" as it does",
        n, block.prefix)
    elseif closes(text, block.fence) then
      block.last = n
      table.insert(blocks, block)
      block = nil
    else
      table.insert(block.body, text)
    end
  end
  if block then return complain(path, block.line, "this fence is not closed: expected %s", block.fence) end
  return blocks
end

-- "listing", "session" or "snippet"; "other" for what we leave alone; nil after an error.
local function kind_of(block)
  local a = block.attributes
  if block.language == "c" then
    if a.file and a.fragment and not (a.snippet or a.run) then return "listing" end
    if a.snippet and not (a.file or a.fragment or a.run) then return "snippet" end
    return blame(block, "a C block must name its fragment or be a .snippet: "
      .. 'expected c {file="..." fragment="..."} or c {.snippet}')
  elseif block.language == "console" then
    if a.run and not (a.file or a.fragment) then return "session" end
    return blame(block, 'a console block must name its recorded run: expected console {run="..."}')
  elseif a.file or a.fragment or a.run or a.snippet then
    return blame(block, "expected a c or console block, found \"%s\"", block.language)
  end
  return "other"
end

-- The lines that a listing, and that a session, should have; nil after an error.
local expected = {}

function expected.listing(block)
  local file, name = block.attributes.file, block.attributes.fragment
  local source = load_source(file)
  if not source then return blame(block, "no file code/%s", file) end
  if source.named[name] then return not source.broken and source.named[name].body or nil end
  blame(block, "no fragment \"%s\" in code/%s, which has %s", name, file, names_in(source))
end

function expected.session(block)
  local run = load_run(block.attributes.run)
  if run then return not run.broken and run or nil end
  blame(block, "no recorded run code/%s.transcript", block.attributes.run)
end

-- Set block.have and block.want, the lines between its fences as they are in the file
-- and as they should be. False after an error.
local function set_want(block, lines)
  local body = expected[block.kind](block)
  if not body then return false end
  local eol = lines[block.line]:match("\r$") or ""
  local prefix = block.prefix:gsub(">$", "> ") -- `>` alone would eat a blank of the code
  block.have = table.move(lines, block.line + 1, block.last - 1, 1, {})
  block.want = {}
  for i, line in ipairs(body) do
    if closes(line, block.fence) then
      blame(block, "the body has a line that would close this fence: expected a longer one")
      return false
    end
    block.want[i] = (is_blank(line) and prefix:gsub("%s+$", "") or prefix .. line) .. eol
  end
  block.changed = table.concat(block.have, "\n") ~= table.concat(block.want, "\n")
  return true
end

-- A Markdown file with its blocks, each with its .kind. Has .blocks unless a fence is
-- open, and .good unless there was any error.
local function load_chapter(path)
  local text, before = read_file(path), errors
  local chapter = { path = path, good = true, lines = split(text or "") }
  if text then chapter.blocks = find_blocks(path, chapter.lines) else complain(path, 1, "cannot read this file") end
  for _, block in ipairs(chapter.blocks or {}) do
    block.kind = kind_of(block)
    if expected[block.kind or "other"] and not set_want(block, chapter.lines) then chapter.good = false end
  end
  chapter.good = chapter.good and errors == before
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
  if replace_file(chapter.path, table.concat(out, "\n")) then
    print(("weave: %s: %s refreshed"):format(chapter.path:match("[^/]*$"), count(changed, "block")))
  end
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

local NOT_A_TYPE = { ["return"] = true, ["else"] = true, ["do"] = true, ["case"] = true, ["goto"] = true }

local function is_whole_unit(body)
  for _, line in ipairs(body) do
    local word = line:match("^([%a_][%w_]*)[%s*][%w_%s*]*[%w_]%(")
    if line:find("^#%s*include") or (word and not NOT_A_TYPE[word]) then return true end
  end
  return false
end

-- The snippet as a C file whose line numbers are those of the chapter.
local function unit_of(block)
  local body = table.concat(block.body, "\n")
  local at, finish = '#line %d "%s"\n', ""
  local start = HEADERS:gsub("%S+", "#include <%0>\n")
  if body:find("#define _GNU_SOURCE", 1, true) then start = "#define _GNU_SOURCE\n" .. start end
  if not is_whole_unit(block.body) then
    local void = body:find("%f[%w_]return%s*;")
    start = start .. (void and "static void" or "static long") .. " snippet(void)\n{\n"
    finish = (void and "return;" or "return 0;") .. "\n}\n"
  end
  return start .. at:format(block.line + 1, block.path) .. body .. "\n" .. at:format(block.last, block.path) .. finish
end

local function compile(block, cc)
  local path = os.tmpname()
  local f = assert(io.open(path, "wb"))
  assert(f:write(unit_of(block)))
  assert(f:close())
  local said, ok = output_of(("LC_ALL=C %s -Wno-unused -fsyntax-only -x c %s"):format(cc, path))
  os.remove(path)
  if ok then return end
  blame(block, "this snippet does not compile:")
  io.stderr:write((said:gsub("[^\n]+", "    %0")))
end

-- Enter a listing into `shown`, which all chapters share.
local function note_listing(block, shown)
  local file, name = block.attributes.file, block.attributes.fragment
  shown[file] = shown[file] or {}
  local first = shown[file][name]
  if first then
    return blame(block, "fragment \"%s\" of code/%s is already shown at %s:%d",
      name, file, first.path, first.line)
  end
  shown[file][name] = block
end

local function check_block(block, cc, seen)
  if block.changed then report_drift(block) end
  if block.kind == "listing" then
    note_listing(block, seen.fragments)
    seen.listings = seen.listings + 1
  elseif block.kind == "session" then
    local run = block.attributes.run
    seen.sessions = seen.sessions + (seen.runs[run] and 0 or 1)
    seen.runs[run] = true
  elseif block.kind == "snippet" then
    compile(block, cc)
    seen.snippets = seen.snippets + 1
  end
end

-- Each fragment of one source is shown, and a program has some.
local function check_source(file, is_program, seen)
  local source = load_source(file)
  if not source then return complain("code/" .. file, 1, "cannot read this file") end
  if is_program and #source == 0 then
    complain(source.path, 1, "a program without a fragment: expected a line `// § NAME`")
  end
  for _, fragment in ipairs(source) do
    local shown = seen.fragments[file] and seen.fragments[file][fragment.name]
    seen.lines = seen.lines + #fragment.body
    seen.lines_shown = seen.lines_shown + (shown and #fragment.body or 0)
    if not shown then complain(source.path, fragment.line, "fragment \"%s\" is shown nowhere", fragment.name) end
  end
end

-- All that code/NAME/ has for the chapter NAME.md is shown; book.md and others have no folder.
local function check_folder(chapter, seen)
  local name = chapter.path:match("([%w_-]+)%.md$")
  if not name then return end
  local listed, ok = output_of(("LC_ALL=C ls 'code/%s'"):format(name))
  if not ok then return end
  local has = {}
  for entry in listed:gmatch("[^\n]+") do has[entry] = true end
  for entry in listed:gmatch("[^\n]+") do
    local stem, ext = entry:match("^(.+)%.(%w+)$")
    local run = name .. "/" .. (stem or "")
    if ext == "h" or (ext == "c" and not stem:find("^test_") and not stem:find("^bench_")) then
      check_source(name .. "/" .. entry, ext == "c" and not has[stem .. ".h"], seen)
    elseif ext == "transcript" and not seen.runs[run] then
      complain("code/" .. run .. ".transcript", 1, "recorded but shown nowhere")
    end
  end
end

local function check(chapters, cc)
  local seen = { fragments = {}, runs = {}, listings = 0, sessions = 0, snippets = 0, lines = 0, lines_shown = 0 }
  local all_read = true
  for _, chapter in ipairs(chapters) do
    all_read = all_read and chapter.blocks ~= nil
    for _, block in ipairs(chapter.blocks or {}) do
      if block.kind then check_block(block, cc, seen) end
    end
  end
  if not all_read then return end -- what an unread chapter shows is not known
  for _, chapter in ipairs(chapters) do check_folder(chapter, seen) end
  if errors > 0 then return end
  print(("weave: %d of %d lines shown in %s, %s, %s compiled"):format(seen.lines_shown, seen.lines,
    count(seen.listings, "listing"), count(seen.sessions, "recorded run"), count(seen.snippets, "snippet")))
end

-- The command line ------------------------------------------------------------

local function usage(message)
  io.stderr:write("weave: ", message, "\n",
    'usage: lua5.4 weave/weave.lua [--check] [--cc "COMPILER FLAGS"] FILE.md...\n')
  os.exit(2)
end

local function parse(args)
  local options, i = { cc = CC, files = {} }, 1
  while args[i] do
    if args[i] == "--check" then
      options.check = true
    elseif args[i] == "--cc" then
      i = i + 1
      options.cc = args[i] or usage("--cc needs a compiler")
    elseif args[i]:find("^%-") then
      usage("unknown option " .. args[i])
    else
      table.insert(options.files, args[i])
    end
    i = i + 1
  end
  if #options.files == 0 then usage("no FILE.md given") end
  return options
end

local function main()
  local options, chapters = parse(arg), {}
  for i, path in ipairs(options.files) do chapters[i] = load_chapter(path) end
  if options.check then
    check(chapters, options.cc)
  else
    for _, chapter in ipairs(chapters) do
      if chapter.good then weave(chapter) end
    end
  end
  os.exit(errors == 0 and 0 or 1)
end

main()
