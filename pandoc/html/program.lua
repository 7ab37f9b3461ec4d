-- Make the page of each file of code/: code/05-x/y.c becomes FOLDER/code/05-x/y.c.html.
--
--   lua5.4 pandoc/html/program.lua FOLDER FRAGMENTS FILE...
--   lua5.4 pandoc/html/program.lua --fragments FILE.md... >FRAGMENTS
--
-- FRAGMENTS says which chapter shows which fragment, and which tests are claimed. It is a file of its own so that a changed chapter, whose
-- fragments mostly stay, makes no program page anew.
--
-- A page has an id for each line (L12) and for each test (its name); at each fragment's first line it leads back to
-- the listing in the chapter. Its head is that of page.html.

local here = arg[0]:match('^.*/') or ''
local source = dofile(here .. '../../weave/source.lua')
local highlight = dofile(here .. 'highlight.lua')
local escape = highlight.escape

local function read(path)
  local file = assert(io.open(path, 'rb'))
  local text = file:read('a')
  file:close()
  return text
end

-- All that is in book.md about the chapters: titles by name.
local titles = {}
local function read_titles()
  for title, name in read('book.md'):gmatch('%- %[([^\n]-)%]%(chapters/([%w-]+)%.md%)') do titles[name] = title end
end

-- Lines of 'chapter file fragment', and of 'claim file test', with tabs between.
local function list_fragments(paths)
  for _, path in ipairs(paths) do
    local chapter = path:match('([%w_-]+)%.md$')
    for file, fragment in read(path):gmatch('```c {file="([^"]+)" fragment="([^"]+)"') do
      io.write(chapter, '\t', file, '\t', fragment, '\n')
    end
    for file, test in read(path):gmatch('%(%.%./code/([^)%s]+) "([%w_]+)"%)') do io.write('claim\t', file, '\t', test, '\n') end
  end
end

local shown_in = {} -- by file and fragment: the chapter; and by file and test: 'claim'
local function read_fragments(path)
  for chapter, file, fragment in read(path):gmatch('([^\t\n]+)\t([^\t\n]+)\t([^\n]+)\n') do
    shown_in[file] = shown_in[file] or {}
    shown_in[file][fragment] = chapter
  end
end

-- Parts of a page -------------------------------------------------------------

local head -- of page.html, up to its </head>

local function page_head(title, description)
  local values = { lang = 'en-US', root = '../../', pagetitle = escape(title), description = escape(description) }
  return (head:gsub('%$(%w+)%$', values))
end

local function in_folder(files, folder)
  local programs, tests = {}, {}
  for _, file in ipairs(files) do
    local name = file:match('^code/' .. folder:gsub('%p', '%%%0') .. '/([^/]+)$')
    if name then table.insert(name:find('^test_') and tests or programs, name) end
  end
  return programs, tests
end

local function links(names, this)
  local out = {}
  for i, name in ipairs(names) do
    local here = name == this and ' aria-current="page"' or ''
    out[i] = ('<li><a href="%s.html"%s>%s</a></li>'):format(name, here, name)
  end
  return table.concat(out, '\n')
end

local function tree(name, folder, files)
  local programs, tests = in_folder(files, folder)
  local chapter = titles[folder]
  local out = {}
  if chapter then
    table.insert(out, ('<li><a href="../../%s.html">%s</a></li>'):format(folder, chapter))
  end
  table.insert(out, '<li><a href="../../index.html#contents">Contents</a></li>')
  if #programs > 0 then table.insert(out, '<li class="group">Programs\n<ul>\n' .. links(programs, name) .. '\n</ul></li>') end
  if #tests > 0 then table.insert(out, '<li class="group">Tests\n<ul>\n' .. links(tests, name) .. '\n</ul></li>') end
  return '<ul class="chapters">\n' .. table.concat(out, '\n') .. '\n</ul>'
end

-- A fragment's first line, whose comment leads to the listing.
local function fragment_line(html, line, file, name, fragments)
  local chapter = shown_in[file] and shown_in[file][name]
  if not chapter or not fragments[name] then return html end
  return ('<a class="explained" href="../../%s.html#%s" title="Explained in chapter %s">%s</a>'):format(chapter,
    source.fragment_id(file, fragments[name].number), escape(titles[chapter] or chapter), escape(line))
end

-- The name of the test that is defined on this line, or nil.
local function test_on(line) return line:match('^static void ([%w_]+)%(void %*%*[%w_]+%)') end

local is_function = {} -- the tests of this file

-- The test's name with its id; and with those of the tests that one function makes for several cases: their names
-- begin with its own.
local function anchors(test, file)
  local html = ('<span class="test" id="%s">%s</span>'):format(test, test)
  local more = {}
  for name, kind in pairs(shown_in[file] or {}) do
    if kind == 'claim' and name:sub(1, #test + 1) == test .. '_' and not is_function[name] then table.insert(more, name) end
  end
  table.sort(more)
  for _, name in ipairs(more) do html = ('<span class="test" id="%s">%s</span>'):format(name, html) end
  return html
end

-- The file, each line in a span with its id; a test's line has the test's name inside. Some lines together are a part,
-- which the browser need not lay out before it is near the screen; the last lines are in none.
local PART = 60
local function listing(text, file)
  local fragments, at = source.fragments(text, function() end), {}
  for _, fragment in ipairs(fragments) do at[fragment.line] = fragment.name end
  local lines, tests, n = {}, {}, 0
  is_function = {}
  for line in text:gmatch('[^\n]+') do is_function[test_on(line) or ''] = true end
  local plain = (text .. '\n'):gmatch('([^\n]*)\n')
  if text:sub(-1) == '\n' then text = text:sub(1, -2) end
  for html in (highlight.highlight(text, file:match('%w+$')) .. '\n'):gmatch('([^\n]*)\n') do
    local line = plain()
    n = n + 1
    local fragment, test = at[n], test_on(line)
    if fragment then html = fragment_line(html, line, file, fragment, fragments) end
    if test and not tests[test] then
      html = html:gsub('%f[%w_]' .. test .. '%f[^%w_]', anchors(test, file), 1)
      tests[test] = true
      table.insert(tests, test)
    end
    lines[n] = ('<span id="L%d" data-l="%d">%s</span>\n'):format(n, n, html)
  end
  for first = 1, n - PART + 1, PART do
    local last = first + PART - 1
    lines[first], lines[last] = '<span class="part">' .. lines[first], lines[last] .. '</span>'
  end
  return table.concat(lines), tests, n
end

local function list_of_tests(tests)
  if #tests == 0 then return '' end
  local out = {}
  for i, test in ipairs(tests) do out[i] = ('<li><a href="#%s">%s</a></li>'):format(test, (test:gsub('_', '_<wbr>'))) end
  return ('<details class="tests"><summary>%d test%s</summary>\n<ul>\n%s\n</ul></details>\n'):format(#tests,
    #tests == 1 and '' or 's', table.concat(out, '\n'))
end

local function count(n, what) return n == 1 and n .. ' ' .. what or n .. ' ' .. what .. 's' end

local function page(path, files)
  local file = path:match('^code/(.+)$')
  local folder, name = file:match('^(.*)/([^/]+)$')
  local code, tests, lines = listing(read(path), file)
  local navigation = tree(name, folder, files)
  local from = titles[folder] and ('<a href="../../%s.html">%s</a>'):format(folder, titles[folder]) or 'code/' .. folder
  return page_head(name .. ' - Interrupted', ('%s, %s, of the book Interrupted.'):format(file, count(lines, 'line')))
    .. '<body class="program">\n<a class="skip" href="#text">Skip to the program</a>\n'
    .. '<header class="top"><a href="../../index.html">Interrupted</a><div id="tools"></div></header>\n'
    .. '<nav class="fold" aria-label="Contents"><details><summary>Contents</summary>\n' .. navigation .. '</details></nav>\n'
    .. '<nav class="side" aria-label="Contents">\n' .. navigation .. '</nav>\n'
    .. '<main id="text">\n<h1><code>' .. name:gsub('_', '_<wbr>') .. '</code></h1>\n'
    .. ('<p class="facts">%s · %s · <a href="%s.txt">plain text</a></p>\n'):format(from, count(lines, 'line'), name)
    .. list_of_tests(tests)
    .. '<figure class="listing"><figcaption><code>' .. escape(file) .. '</code></figcaption>\n'
    .. '<pre class="numbered" tabindex="0"><code>' .. code .. '</code></pre></figure>\n</main>\n</body>\n</html>\n'
end

local function write(path, text)
  local file = assert(io.open(path, 'wb'))
  assert(file:write(text))
  assert(file:close())
end

local function write_pages(folder, files)
  local made = {}
  for _, path in ipairs(files) do
    local to = folder .. '/' .. path
    local into = to:match('^(.*)/')
    if not made[into] then
      assert(os.execute("mkdir -p '" .. into .. "'"))
      made[into] = true
    end
    write(to .. '.html', page(path, files))
  end
end

local function main()
  if arg[1] == '--fragments' then return list_fragments { table.unpack(arg, 2) } end
  read_titles()
  read_fragments(arg[2])
  head = read(here .. 'page.html'):match('^.-</head>\n')
  local files = { table.unpack(arg, 3) }
  table.sort(files)
  write_pages(arg[1], files)
end

main()
