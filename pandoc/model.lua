-- What is in one file of the book: pandoc -L pandoc/model.lua -M file=X.md -M to=build/model/X.json </dev/null
--
-- A filter that never hands its document on. It reads the file with the place of each thing in it, and writes lists of
-- sections, paragraphs, listings, sessions, code (other code blocks), tables, boxes, claims, figures, links, exercises
-- and terms. Each of their entries has its line, and the number of its section, from 1. model_book.lua makes one of all.
--
-- Mistakes go to stderr as `FILE:LINE: message`, all of one run; then nothing is written, and the exit status is 1.

local folder = PANDOC_SCRIPT_FILE:match('^.*/') or ''
local json = require 'dkjson'
local lib = dofile(folder .. '../weave/lib.lua')
local appendix = dofile(folder .. 'appendix.lua')
local reader = dofile(folder .. 'reader.lua') .. '+sourcepos'
local words = dofile(folder .. 'words/en.lua')
local stringify = pandoc.utils.stringify

local ORDER = { 'title', 'booktitle', 'subtitle', 'lang', 'rights', 'description', 'contents', 'files', 'others', 'file',
  'name', 'number', 'id', 'level', 'section', 'tag', 'place', 'kind', 'label', 'language', 'run', 'fragment', 'test', 'src',
  'caption', 'target', 'term', 'sentence', 'minutes', 'text', 'terms', 'codes', 'line', 'last', 'column', 'sections',
  'paragraphs', 'listings', 'sessions', 'code', 'tables', 'boxes', 'claims', 'figures', 'links', 'exercises' }

local mistakes = 0

local function complain(file, line, form, ...)
  mistakes = mistakes + 1
  io.stderr:write(('%s:%d: '):format(file, line), form:format(...), '\n')
end

-- Where things are ------------------------------------------------------------

-- The last of an element's positions is its own; a list gives its items one more. It has a range for each line where
-- the element stands in a quote or a list: 5:3-6:1;6:3-7:1. Returns the first and last line, and the first column.
local function place_of(element)
  local own
  for key, value in pairs(element.attributes) do
    if key == 'data-pos' and value ~= '' then own = value end
  end
  if not own then return end
  local line, column = own:match('(%d+):(%d+)%-')
  local last, end_column = own:match('%-(%d+):(%d+)$')
  return math.tointeger(line), math.tointeger(last) - (end_column == '1' and 1 or 0), math.tointeger(column)
end

local function is_place(element)
  return element.identifier == '' and #element.classes == 0 and element.attributes['data-pos'] ~= nil
end

-- The inlines without the spans that tell their places; links keep theirs.
local function unwrap(inlines)
  return pandoc.walk_block(pandoc.Plain(inlines), {
    Span = function(span) if is_place(span) then return span.content end end,
  }).content
end

-- As a reader reads it: with quotes, without notes.
local function text_of(inlines)
  local out = pandoc.walk_block(pandoc.Plain(inlines), {
    Note = function() return {} end,
    SoftBreak = function() return pandoc.Space() end,
    LineBreak = function() return pandoc.Space() end,
    Quoted = function(quoted)
      local double = quoted.quotetype == 'DoubleQuote'
      quoted.content:insert(1, pandoc.Str(double and '“' or '‘'))
      quoted.content:insert(pandoc.Str(double and '”' or '’'))
      return quoted.content
    end,
  })
  return (stringify(out):gsub('%s+', ' '):gsub('^ ', ''):gsub(' $', ''))
end

-- One file ----------------------------------------------------------------------

local LISTS = { 'sections', 'paragraphs', 'listings', 'sessions', 'code', 'tables', 'boxes', 'claims', 'figures', 'links',
  'exercises', 'terms' }

local function new_file(path)
  local file = { file = path, at = { line = 1, place = 'text' } }
  for _, list in ipairs(LISTS) do file[list] = {} end
  return file
end

-- A new entry; where it is comes from `file.at`, which the walk keeps up to date.
local function enter(file, list, entry)
  entry.section = #file.sections
  entry.line = entry.line or file.at.line
  table.insert(file[list], entry)
  return entry
end

local function enter_link(file, link)
  local line = place_of(link) or file.at.line
  local path, fragment = link.target:match('^([^#]*)#?(.*)$')
  if path:find('^%a[%w+.-]*:') then return end
  path = path == '' and file.file or lib.beside(file.file, path)
  if link.title ~= '' and path:find('^code/') then
    enter(file, 'claims', { file = path, test = link.title, text = text_of(link.content), line = line })
  else
    enter(file, 'links', { target = path .. (fragment ~= '' and '#' .. fragment or ''), line = line })
  end
end

local function enter_terms(file, para)
  for _, found in ipairs((appendix.terms(pandoc.Blocks { para }, words))) do
    if not file.terms[found.id] then
      file.terms[found.id] = true
      enter(file, 'terms', { term = found.term, id = found.id, sentence = text_of(found.sentence) })
    end
  end
end

local walk

local function paragraph(file, inlines, tag)
  local entry = { tag = tag, place = file.at.place, text = text_of(inlines), terms = {}, codes = {} }
  local notes = {}
  pandoc.walk_block(pandoc.Plain(inlines), {
    Strong = function(strong) table.insert(entry.terms, text_of(strong.content)) end,
    Code = function(code) table.insert(entry.codes, code.text) end,
    Link = function(link) enter_link(file, link) end,
    Note = function(note) table.insert(notes, note) end,
    RawInline = function(raw)
      if not raw.text:find('^</?kbd>$') and not raw.text:find('^<!%-%-') then
        complain(file.file, file.at.line, '%s would be taken for HTML and vanish; write it as code', raw.text)
      end
    end,
  })
  if entry.text ~= '' then enter(file, 'paragraphs', entry) end
  for _, note in ipairs(notes) do walk(file, note.content, 'note') end
end

-- Walks some blocks with another `place`, or on another line.
local function within(file, at, run)
  local before = file.at
  file.at = { line = at.line or before.line, place = at.place or before.place }
  run()
  file.at = before
end

-- How many letters must change to make one word of another.
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #b do
      local change = diagonal + (a:sub(i, i) == b:sub(j, j) and 0 or 1)
      diagonal = row[j]
      row[j] = math.min(change, row[j] + 1, row[j - 1] + 1)
    end
  end
  return row[#b]
end

local function nearest_box(label)
  local best
  for known in pairs(words.boxes) do
    if not best or distance(label, known) < distance(label, best) then best = known end
  end
  return best
end

-- The box that a quote is, or nil: its first words are bold and end with a full stop.
local function box_of(file, quote)
  local first = quote.content[1]
  while first and first.t == 'Div' do first = first.content[1] end
  local label = first and first.t == 'Para' and unwrap(first.content)[1]
  label = label and label.t == 'Strong' and stringify(label):match('^(.*)%.$')
  if not label then return end
  if not words.boxes[label] then
    complain(file.file, file.at.line, 'no box is called "%s."; the nearest is "%s."', label, nearest_box(label))
  end
  return { kind = words.boxes[label], label = label }
end

local function code_block(file, block)
  local a, language = block.attributes, block.classes[1] or ''
  local line, last, column = place_of(block)
  local at = { line = line or file.at.line, last = last, column = column }
  if language == 'c' and a.file and a.fragment and not a.run then
    at.file, at.fragment = a.file, a.fragment
    return enter(file, 'listings', at)
  elseif language == 'console' and a.run and not (a.file or a.fragment) then
    at.run = a.run
    return enter(file, 'sessions', at)
  elseif language == 'c' then
    complain(file.file, at.line, 'a C block names its fragment: expected c {file="..." fragment="..."}')
  elseif language == 'console' then
    complain(file.file, at.line, 'a console block names its recorded run: expected console {run="..."}')
  elseif a.file or a.fragment or a.run then
    complain(file.file, at.line, 'expected a c or console block, found "%s"', language)
  end
  at.language = language
  enter(file, 'code', at)
end

-- The place of what is below a heading of this level or a deeper one.
local function place_below(file, header)
  local title = stringify(header)
  if header.level == 2 then
    file.at.place = title == words.exercises and 'exercise' or title == words.further and 'further' or 'text'
  end
end

local function heading(file, header)
  local line = place_of(header)
  enter(file, 'sections', { id = header.identifier, level = header.level, title = text_of(unwrap(header.content)), line = line })
  place_below(file, header)
  within(file, { line = line }, function() paragraph(file, unwrap(header.content), 'h') end)
end

-- An exercise's first words are bold, and name it; how long it takes follows.
local function item(file, blocks)
  local first = blocks[1]
  while first and first.t == 'Div' do first = first.content[1] end
  local inlines = file.at.place == 'exercise' and first and first.content and unwrap(first.content)
  if inlines and inlines[1] and inlines[1].t == 'Strong' then
    local minutes = text_of(inlines):match('%((%d+) minutes?%)')
    enter(file, 'exercises', { name = text_of(inlines[1].content), minutes = math.tointeger(minutes) })
  end
  walk(file, blocks, 'li')
end

local function cells(file, rows)
  for _, row in ipairs(rows) do
    for _, cell in ipairs(row.cells or row[2]) do walk(file, cell.contents or cell[5], 'td') end
  end
end

-- The list of chapters, if this is one: each of its items is a link to a file of chapters/, and nothing else.
local function contents_in(file, list)
  local chapters = {}
  for i, blocks in ipairs(list.content) do
    local first = blocks[1]
    local line = file.at.line
    while first and first.t == 'Div' do line, first = place_of(first) or line, first.content[1] end
    local inlines = first and first.content and unwrap(first.content)
    local link = inlines and #inlines == 1 and inlines[1].t == 'Link' and inlines[1]
    if not (link and link.target:find('^chapters/')) then return end
    chapters[i] = { file = link.target, title = text_of(link.content), line = line, section = #file.sections }
  end
  return chapters
end

-- Raw HTML would be lost on paper without a word: only folds are allowed, and the comments around a table.
local function raw_block(file, raw)
  local text = raw.text:gsub('%s+$', '')
  local summary = text:match('^<details[^>]*>%s*<summary>(.-)</summary>$')
  local table_of, ends = text:match('^<!%-%- table: (%S+) %-%->$'), text == '<!-- end of table -->'
  if summary then
    file.folds = (file.folds or 0) + 1
  elseif text == '</details>' then
    file.folds = (file.folds or 0) - 1
  elseif table_of then
    enter(file, 'tables', { file = table_of, last = 0 })
  elseif ends then
    local open = file.tables[#file.tables]
    if open and open.last == 0 then open.last = file.at.line else complain(file.file, file.at.line, 'no table ends here') end
  elseif not text:find('^<!%-%-.*%-%->$') then
    complain(file.file, file.at.line,
      'raw HTML is only <details><summary>…</summary> and </details>, each between blank lines; here stands: %s', text)
  end
end

local function figure(file, image, caption)
  local src = image.src
  if not src:find('^%a[%w+.-]*:') then
    src = lib.beside(file.file, src)
    if not lib.read(src) then complain(file.file, file.at.line, 'there is no picture %s', src) end
  end
  enter(file, 'figures', { src = src, caption = text_of(caption) })
end

local visit = {
  Header = function(file, block) heading(file, block) end,
  CodeBlock = function(file, block) code_block(file, block) end,
  Div = function(file, block, tag)
    within(file, { line = place_of(block) }, function() walk(file, block.content, tag) end)
  end,
  Para = function(file, block, tag)
    local inlines = unwrap(block.content)
    if #inlines == 1 and inlines[1].t == 'Image' then return figure(file, inlines[1], inlines[1].caption) end
    paragraph(file, inlines, tag)
    enter_terms(file, pandoc.Para(inlines))
  end,
  Plain = function(file, block, tag) paragraph(file, unwrap(block.content), tag) end,
  Figure = function(file, block) -- pandoc 3
    local image
    block:walk { Image = function(found) image = found end }
    figure(file, image, unwrap(pandoc.utils.blocks_to_inlines(block.caption.long)))
  end,
  BlockQuote = function(file, block)
    local box = box_of(file, block)
    if box then enter(file, 'boxes', box) end
    within(file, { place = box and 'box:' .. (box.kind or box.label) or nil }, function() walk(file, block.content, 'p') end)
  end,
  BulletList = function(file, block)
    file.contents = file.contents or contents_in(file, block)
    for _, blocks in ipairs(block.content) do item(file, blocks) end
  end,
  OrderedList = function(file, block) for _, blocks in ipairs(block.content) do item(file, blocks) end end,
  DefinitionList = function(file, block)
    for _, pair in ipairs(block.content) do
      paragraph(file, unwrap(pair[1]), 'dt')
      for _, blocks in ipairs(pair[2]) do walk(file, blocks, 'dd') end
    end
  end,
  Table = function(file, block)
    within(file, { line = place_of(block) }, function()
      cells(file, block.head.rows or block.head[2])
      for _, body in ipairs(block.bodies) do cells(file, body.body) end
    end)
  end,
  RawBlock = function(file, block) if block.format == 'html' then raw_block(file, block) end end,
  HorizontalRule = function() end,
}

function walk(file, blocks, tag)
  for _, block in ipairs(blocks) do
    local known = visit[block.t]
    if known then known(file, block, tag or 'p')
    else complain(file.file, file.at.line, 'the book has no %s', block.t) end
  end
end

local function load_file(path)
  local text = lib.read(path)
  local file, doc = new_file(path), pandoc.read(text, reader)
  file.lines = select(2, text:gsub('\n', '')) + 1
  walk(file, doc.blocks, 'p')
  if (file.folds or 0) ~= 0 then complain(path, file.lines, 'not every <details> has its </details>') end
  for _, woven in ipairs(file.tables) do
    if woven.last == 0 then complain(path, woven.line, 'the table %s has no <!-- end of table -->', woven.file) end
  end
  return file, doc.meta
end

-- Writing --------------------------------------------------------------------------

local function clean(file)
  file.at, file.folds, file.lines = nil, nil, nil
  for key in pairs(file.terms) do
    if type(key) == 'string' then file.terms[key] = nil end
  end
  for _, list in ipairs(LISTS) do setmetatable(file[list], { __jsontype = 'array' }) end
  for _, entry in ipairs(file.paragraphs) do
    setmetatable(entry.terms, { __jsontype = 'array' })
    setmetatable(entry.codes, { __jsontype = 'array' })
  end
  return file
end

function Pandoc(doc)
  local file, meta = load_file(stringify(doc.meta.file))
  if mistakes > 0 then os.exit(1) end
  for _, key in ipairs { 'title', 'subtitle', 'lang', 'rights', 'description' } do
    file[key] = meta[key] and stringify(meta[key])
  end
  lib.write(stringify(doc.meta.to), json.encode(clean(file), { indent = true, keyorder = ORDER }) .. '\n')
  os.exit(0)
end
