-- Is a PDF of the book whole? lua5.4 check/check_pdf.lua [-t TITLE]... FILE.pdf...
--
-- Asks poppler's tools: that the file is tagged, says that it is PDF/UA-1, has a title and an outline that names every
-- chapter of build/contents.json (or with -t, these titles); that every font is embedded, and is one of ours; that no
-- text leaves the page's text block but where it may, which is on the pages that FILE.json, written by the typesetter,
-- calls wide; and that pages end and begin well: no caption of a listing and no heading is the last line of its page,
-- no brace of a program the first, and no page within a chapter has only a line or two. Exit status: 0, or 1 for
-- mistakes.

local here = arg[0]:match('^.*/') or ''
local lib = dofile(here .. '../weave/lib.lua')
local json = require 'dkjson'

local MM = 72 / 25.4
local TEXT_WIDTH = 142 * MM
local MARGIN_NOTES = 15 * MM -- ticks and line numbers stand this far to the left
local FIGURE = 11 * MM       -- a drawn run may reach this far into both margins
local HANGING = 3            -- points: commas and hyphens hang into the margin a little
local FONTS = { TeXGyrePagella = true, DejaVuSansMono = true }

local mistakes = 0
local function complain(form, ...)
  mistakes = mistakes + 1
  print(form:format(...))
end

-- What one of poppler's tools says of a file; `after` are words after its name.
local function run(tool, file, after)
  local command = ('%s %s %s'):format(tool, lib.quoted(file), after or '')
  local pipe = io.popen(command .. ' 2>/dev/null')
  local text = pipe:read('a')
  if not pipe:close() then complain('%s: failed', command) end
  return text
end

local function check_head(file)
  local info = run('pdfinfo', file)
  local pages = tonumber(info:match('Pages:%s+(%d+)')) or 0
  if not info:match('Tagged:%s+yes') then complain('%s: not tagged', file) end
  if not info:match('Title:%s+%S') then complain('%s: no title', file) end
  local meta = run('pdfinfo -meta', file)
  if not meta:match('pdfuaid:part>1<') then complain('%s: does not say that it is PDF/UA-1', file) end
  return pages, info:match('Title:%s+([^\n]*)') or ''
end

local function check_fonts(file)
  local n = 0
  for line in run('pdffonts', file):gmatch('[^\n]+') do
    local name, embedded = line:match('^%u+%+(%w+)[%w-]* .- (%a+) %a+ %a+ +%d+ +%d+$')
    if name then
      n = n + 1
      if embedded ~= 'yes' then complain('%s: the font %s is not embedded', file, name) end
      if not FONTS[name] then complain('%s: a font of nobody: %s', file, name) end
    elseif not line:match('^name') and not line:match('^%-') then
      complain('%s: a font that is not embedded, or not known: %s', file, line)
    end
  end
  if n == 0 then complain('%s: no fonts', file) end
end

local ENTITIES = { ['#160'] = ' ', quot = '"', lt = '<', gt = '>', amp = '&' }
local function unescape(text) return (text:gsub('<[^>]*>', ''):gsub('&(#?%w+);', ENTITIES)) end

-- Returns the headings of each page.
local function check_outline(file, xml, titles)
  local outline, names, headings = xml:match('<outline>(.*)</outline>') or '', {}, {}
  for page, item in outline:gmatch('<item page="(%d+)">(.-)</item>') do
    page, item = tonumber(page), unescape(item)
    names[item:gsub('^%w+%. ', '')] = true
    headings[page] = headings[page] or {}
    headings[page][item] = true
  end
  for _, title in ipairs(titles) do
    if not names[title] then complain('%s: the outline has no "%s"', file, title) end
  end
  return headings
end

-- Every word of each page, from pdftotext -bbox: no page has text beside the text block.
local function check_edges(file, text)
  local n, is_wide = 0, {}
  local said = lib.read((file:gsub('%.pdf$', '.json')))
  for _, page in ipairs(said and json.decode(said).wide or {}) do is_wide[page] = true end
  for width, page in text:gmatch('<page width="([%d.]+)"[^>]*>(.-)</page>') do
    n = n + 1
    local left = (width - TEXT_WIDTH) / 2
    local right = left + TEXT_WIDTH
    local beside = is_wide[n] and FIGURE or HANGING
    for from, to, word in page:gmatch('<word xMin="([%d.-]+)" [^>]-xMax="([%d.-]+)"[^>]*>(.-)</word>') do
      if tonumber(to) > right + beside then
        complain('%s: page %d: "%s" ends %.1f mm right of the text', file, n, unescape(word), (to - right) / MM)
      end
      if tonumber(from) < left - MARGIN_NOTES then
        complain('%s: page %d: "%s" begins %.1f mm left of the text', file, n, unescape(word), (left - from) / MM)
      end
    end
  end
  return n
end

-- A page's lines of text, without page number and running head; and whether it has a running head, the book's title
-- and at some distance that of the chapter. A page where a chapter begins has none.
local function body(page, title)
  local lines, headed = {}, false
  for line in page:gmatch('[^\n]+') do
    if #lines == 0 and not headed and line:sub(1, #title + 2) == title .. '  ' then
      headed = true
    elseif line:match('%S') and not line:match('^%s*%d+%s*$') then
      table.insert(lines, (line:match('^%s*(.-)%s*$')))
    end
  end
  return lines, headed
end

local function check_ends(file, text, title, headings)
  local n, few = 0, nil
  for page in text:gmatch('([^\f]*)\f') do
    n = n + 1
    local lines, headed = body(page, title)
    local first, last = lines[1] or '', lines[#lines] or ''
    if #lines == 0 then complain('%s: page %d is empty', file, n) end
    if few and headed then complain('%s: page %d has only a line or two: %s', file, n - 1, few) end
    few = headed and #lines < 3 and first
    if last:match('^[%w-]+/[%w_.]+%.%a+ · ') then complain('%s: page %d ends with a caption: %s', file, n, last) end
    if headings[n] and headings[n][last] then complain('%s: page %d ends with a heading: %s', file, n, last) end
    if first:match('^%d*%s*[{}]$') then complain('%s: page %d begins with a lone brace', file, n) end
  end
end

-- The titles of the chapters and of what is before and after them, as the outline has them: without code's backticks.
local function titles()
  local text = assert(lib.read('build/contents.json'), 'check_pdf: no build/contents.json: run make first')
  local book = json.decode(text)
  local words = assert(dofile('pandoc/words.lua').of(book.lang))
  local found = { words.preface, words.index, words.glossary, words.answers }
  for _, chapter in ipairs(book.contents) do table.insert(found, (chapter.title:gsub('`', ''))) end
  return found
end

local wanted
while arg[1] == '-t' do
  wanted = wanted or {}
  table.insert(wanted, arg[2])
  table.remove(arg, 1)
  table.remove(arg, 1)
end
wanted = wanted or titles()
for _, file in ipairs(arg) do
  local pages, title = check_head(file)
  check_fonts(file)
  local headings = check_outline(file, run('pdftohtml -xml -i -stdout', file), wanted)
  local seen = check_edges(file, run('pdftotext -bbox', file, '-'))
  if seen ~= pages or pages == 0 then complain('%s: %d pages, and text on %d', file, pages, seen) end
  check_ends(file, run('pdftotext -layout', file, '-'), title, headings)
  print(('%s: %d pages, %d mistakes'):format(file, pages, mistakes))
end
os.exit(mistakes == 0)
