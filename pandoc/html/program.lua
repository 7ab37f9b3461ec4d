-- Make the page of each file of code/: code/05-x/y.c becomes BUILD/html/code/05-x/y.c.html.
--
--   lua5.4 pandoc/html/program.lua BUILD
--
-- Who shows which fragment and claims which test, and what the files are, is in BUILD/book.json and BUILD/code.json.
-- Run from the top of the book, when the folders are there. Exit status: 0, 1 when a file is missing, 2 for a wrong
-- call.
--
-- A page has an id for each line (L12) and for each test (its name); at each fragment's first line it leads back to
-- the listing in the chapter. program.html says what stands around the code: $name$ is a value, $name.html()$ a file,
-- as in the templates of pandoc.

local json = require 'dkjson'
local here = arg[0]:match('^.*/') or ''
local lib = dofile(here .. '../../weave/lib.lua')
local source = dofile(here .. '../../weave/source.lua')
local highlight = dofile(here .. 'highlight.lua')
local escape = highlight.escape

local function read(path) return lib.read(path) or error(path .. ': cannot be read', 0) end

-- The model, looked up by file -------------------------------------------------

local book, files, words
local titles = {} -- of the chapters, by folder
local shown_in = {} -- by file and fragment: the chapter's name
local claimed = {} -- by file: a list of tests

local function read_model(build)
  book, files = assert(json.decode(read(build .. '/book.json'))), assert(json.decode(read(build .. '/code.json'))).files
  words = assert(dofile(here .. '../words.lua').of(book.lang))
  for _, chapter in ipairs(book.files) do
    if chapter.number then titles[chapter.name] = chapter.number .. '. ' .. chapter.title end
    for _, listing in ipairs(chapter.listings) do
      shown_in[listing.file] = shown_in[listing.file] or {}
      shown_in[listing.file][listing.fragment] = chapter.name
    end
    for _, claim in ipairs(chapter.claims) do
      local file = claim.file:gsub('^code/', '')
      claimed[file] = claimed[file] or {}
      table.insert(claimed[file], claim.test)
    end
  end
end

-- Parts of a page -------------------------------------------------------------

local function links(names, this)
  local out = {}
  for i, name in ipairs(names) do
    local current = name == this and ' aria-current="page"' or ''
    out[i] = ('<li><a href="%s.html"%s>%s</a></li>'):format(name, current, name)
  end
  return table.concat(out, '\n')
end

local function group(title, names, this)
  return #names > 0 and ('<li class="group">%s\n<ul>\n%s\n</ul></li>\n'):format(title, links(names, this)) or ''
end

local function chapter_link(folder) return ('<a href="../../%s.html">%s</a>'):format(folder, escape(titles[folder])) end

local function contents(folder, name)
  local programs, tests = {}, {}
  for _, other in ipairs(files) do
    local of, called = other.file:match('^(.*)/([^/]+)$')
    if of == folder then table.insert(other.kind == 'test' and tests or programs, called) end
  end
  return '<ul class="chapters">\n' .. (titles[folder] and '<li>' .. chapter_link(folder) .. '</li>\n' or '')
    .. '<li><a href="../../index.html#contents">' .. words.contents .. '</a></li>\n'
    .. group(words.programs, programs, name) .. group(words.tests, tests, name) .. '</ul>'
end

-- A fragment's first line, whose comment leads to the listing.
local function fragment_line(line, file, fragment)
  local chapter = shown_in[file] and shown_in[file][fragment.name]
  if not chapter then return nil end
  local title = words.explained_in_chapter:format(titles[chapter] or chapter)
  return ('<a class="explained" href="../../%s.html#%s" title="%s">%s</a>'):format(chapter,
    source.fragment_id(file, fragment.number), escape(title), escape(line))
end

-- The test's name with its id; and with those of the tests that one function makes for several cases: the claims name
-- them, and their names begin with its own.
local function anchors(test, file, is_function)
  local html = ('<span class="test" id="%s">%s</span>'):format(test, test)
  local more = {}
  for _, name in ipairs(claimed[file] or {}) do
    if name:sub(1, #test + 1) == test .. '_' and not is_function[name] and not more[name] then
      more[name] = true
      table.insert(more, name)
    end
  end
  table.sort(more)
  for _, name in ipairs(more) do html = ('<span class="test" id="%s">%s</span>'):format(name, html) end
  return html
end

-- The file, each line in a span with its id; a test's line has the test's name inside. Some lines together are a part,
-- which the browser need not lay out before it is near the screen; the last lines are in none.
local PART = 60
local function listing(text, record)
  local file, lines, is_function = record.file, source.lines(text), {}
  local html = source.lines(highlight.highlight(text, file:match('%w+$')))
  for _, fragment in ipairs(record.fragments) do
    html[fragment.line] = fragment_line(lines[fragment.line], file, fragment) or html[fragment.line]
  end
  for _, test in ipairs(record.tests) do is_function[test.name] = true end
  for _, test in ipairs(record.tests) do
    local anchor = anchors(test.name, file, is_function)
    html[test.line] = html[test.line]:gsub('%f[%w_]' .. test.name .. '%f[^%w_]', anchor, 1)
  end
  for n, line in ipairs(html) do html[n] = ('<span id="L%d" data-l="%d">%s</span>\n'):format(n, n, line) end
  for first = 1, #html - PART + 1, PART do
    local last = first + PART - 1
    html[first], html[last] = '<span class="part">' .. html[first], html[last] .. '</span>'
  end
  return table.concat(html), #html
end

local function count(n, what) return (n == 1 and what[1] or what[2]):format(n) end

local function breakable(name) return (name:gsub('_', '_<wbr>')) end

local function list_of_tests(tests)
  if #tests == 0 then return '' end
  local out = {}
  for i, test in ipairs(tests) do out[i] = ('<li><a href="#%s">%s</a></li>'):format(test.name, breakable(test.name)) end
  return ('<details class="tests"><summary>%s</summary>\n<ul>\n%s\n</ul></details>\n'):format(
    count(#tests, words.count_of_tests), table.concat(out, '\n'))
end

-- Pages -----------------------------------------------------------------------

local function page(template, record)
  local folder, name = record.file:match('^(.*)/([^/]+)$')
  local code, lines = listing(read('code/' .. record.file), record)
  lines = count(lines, words.lines)
  local title = escape(book.title)
  local values = {
    lang = book.lang, root = '../../', booktitle = title, pagetitle = escape(name) .. ' - ' .. title,
    description = words.about_program:format(escape(record.file), lines, title),
    list = contents(folder, name), from = titles[folder] and chapter_link(folder) or 'code/' .. folder,
    heading = breakable(name), name = name, file = escape(record.file), lines = lines,
    tests = list_of_tests(record.tests), code = code,
  }
  return (template:gsub('%$([%w_]+)%$', function(key)
    return values[key] or words[key] or error('program.html: there is no $' .. key .. '$', 0)
  end))
end

local function main(build)
  if not build then
    io.stderr:write('usage: lua5.4 pandoc/html/program.lua BUILD\n')
    os.exit(2)
  end
  read_model(build)
  local template = read(here .. 'program.html')
  template = template:gsub('%$(%w+%.html)%(%)%$\n', function(name) return read(here .. name) end)
  for _, record in ipairs(files) do
    lib.write(build .. '/html/code/' .. record.file .. '.html', page(template, record))
  end
end

main(arg[1])
