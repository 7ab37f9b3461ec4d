-- What is in one file of the book: pandoc -L pandoc/model.lua -M file=X.md -M to=build/model/X.json </dev/null
--
-- A filter that never hands its document on. It reads the file with the place of each thing in it, and writes lists of
-- sections, paragraphs, listings, sessions, code (other code blocks), tables, boxes, claims, figures, links, exercises
-- and terms. Each of their entries has its line, and the number of its section, from 1. model_book.lua makes one of
-- all.
--
-- Mistakes go to stderr as `FILE:LINE: message`, all of one run; then nothing is written, and the exit status is 1.

local folder = PANDOC_SCRIPT_FILE:match('^.*/') or ''
local json = require 'dkjson'
local lib = dofile(folder .. '../weave/lib.lua')
local source = dofile(folder .. '../weave/source.lua')
local appendix = dofile(folder .. 'appendix.lua')
local reader = dofile(folder .. 'reader.lua') .. '+sourcepos'
local words_of = dofile(folder .. 'words.lua')
local words -- of the book's language
local stringify = pandoc.utils.stringify

local mistakes = 0

local function complain(file, line, form, ...)
  mistakes = mistakes + 1
  io.stderr:write(('%s:%d: '):format(file, line), form:format(...), '\n')
end

-- Where things are ------------------------------------------------------------

-- The last of an element's positions is its own; before pandoc 3.2 a list gives its items one more. It has a range for
-- each line where the element stands in a quote or a list, 5:3-6:1;6:3-7:1, and other ranges, in any order, for what is
-- recognized by its second line. Returns the first and last line, and the first column.
local function place_of(element)
  local own
  for key, value in pairs(element.attributes) do
    if key == 'data-pos' and value ~= '' then own = value end
  end
  local first, last, column
  for line, at, end_line, end_column in (own or ''):gmatch('(%d+):(%d+)%-(%d+):(%d+)') do
    line, end_line = math.tointeger(line), math.tointeger(end_line) - (end_column == '1' and 1 or 0)
    if not first or line < first then first, column = line, math.tointeger(at) end
    if not last or end_line > last then last = end_line end
  end
  return first, last, column
end

local function is_place(element)
  return element.identifier == '' and #element.classes == 0 and element.attributes['data-pos'] ~= nil
end

-- The line on which some inlines begin, if they say so.
local function line_of(inlines)
  for _, inline in ipairs(inlines) do
    local line = inline.attributes and place_of(inline)
    if line then return line end
  end
end

-- The inlines without the spans that tell their places; links and images keep theirs. With `notes`, they are taken out
-- and put there, as they are; complain_of_raw(element, line) hears of raw inlines.
local function unwrap(inlines, notes, complain_of_raw)
  return pandoc.walk_block(pandoc.Plain(inlines), {
    traverse = 'topdown',
    Span = function(span)
      if not is_place(span) then return end
      local content = span.content
      if complain_of_raw and content[1] and content[1].t == 'RawInline' then
        complain_of_raw(content[1], place_of(span))
      end
      return content
    end,
    Note = notes and function(note)
      table.insert(notes, note)
      return {}, false
    end,
  }).content
end

local function one_line(text) return (text:gsub('%s+', ' '):gsub('^ ', ''):gsub(' $', '')) end

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
  return one_line(stringify(out))
end

-- One file ----------------------------------------------------------------------

local LISTS = { 'sections', 'paragraphs', 'listings', 'sessions', 'code', 'tables', 'boxes', 'claims', 'figures',
  'links', 'exercises', 'terms' }

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
    enter(file, 'claims', { file = path, test = one_line(link.title), text = text_of(link.content), line = line })
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

local walk, inside

-- What was meant to be a link or a note, but is none, reads as brackets.
local function complain_of_brackets(file, inlines)
  local text = text_of(pandoc.walk_block(pandoc.Plain(inlines), { Code = function() return {} end }).content)
  local found = text:match('%[[^%[%]]*%]%[[^%[%]]*%]') or text:match('%[[^%[%]]*%]%([^ )]*')
    or text:match('%[%^[^%]]*%]')
  if found then complain(file.file, file.at.line, 'this is no link and no note, but brackets: %s', found) end
end

-- `wrapped` are the inlines with their places; returns those without, and without notes.
local function paragraph(file, wrapped, tag)
  local before, notes = file.at, {}
  file.at = { line = line_of(wrapped) or before.line, column = before.column, place = before.place }
  local inlines = unwrap(wrapped, notes, function(raw, line)
    if raw.text:find('^</?kbd>$') or raw.text:find('^<!%-%-') then return end
    complain(file.file, line or file.at.line, '%s would be taken for HTML and vanish; write it as code', raw.text)
  end)
  local entry = { tag = tag, place = file.at.place, text = text_of(inlines), terms = {}, codes = {} }
  if entry.text:find('[', 1, true) then complain_of_brackets(file, inlines) end
  pandoc.walk_block(pandoc.Plain(inlines), {
    Strong = function(strong) table.insert(entry.terms, text_of(strong.content)) end,
    Code = function(code) table.insert(entry.codes, code.text) end,
    Link = function(link) enter_link(file, link) end,
    Image = function(image)
      complain(file.file, place_of(image) or file.at.line, 'a picture stands alone in its paragraph: %s', image.src)
    end,
  })
  if entry.text ~= '' then enter(file, 'paragraphs', entry) end
  for _, note in ipairs(notes) do inside(file, note.content, 'note') end
  file.at = before
  return inlines
end

-- Walks some blocks with another `place`, or on another line.
local function within(file, at, run)
  local before = file.at
  file.at = { line = at.line or before.line, column = at.column or before.column, place = at.place or before.place }
  run()
  file.at = before
end

-- Walks what a box, an item or a note holds: each fold that begins in there ends in there.
function inside(file, blocks, tag)
  local before = file.folds
  file.folds = {}
  walk(file, blocks, tag)
  for _, line in ipairs(file.folds) do
    complain(file.file, line, 'this <details> has no </details> in the same box or item')
  end
  file.folds = before
end

-- The inlines that begin some blocks, with their places; nil if they begin with something else.
local function first_inlines(blocks)
  local first = blocks[1]
  while first and first.t == 'Div' do first = first.content[1] end
  return first and (first.t == 'Para' or first.t == 'Plain') and first.content or nil
end

-- The box that a quote is, or nil: its first words are bold and end with a full stop. Bold words there are nothing
-- else.
local function box_of(file, quote)
  local first = first_inlines(quote.content)
  local bold = first and unwrap(first)[1]
  if not bold or bold.t ~= 'Strong' then return end
  local label = stringify(bold):gsub('%.$', '')
  local kind, nearest = words_of.box(words, label)
  if not kind or stringify(bold) == label then
    complain(file.file, file.at.line, 'no box is called "%s"; the nearest is "%s."', stringify(bold), nearest or label)
  end
  return { kind = kind, label = label }
end

-- Has the fence of this block its end? Else all that follows is code. (Without a fence the block is indented.)
local function complain_of_fence(file, block, at, is_woven)
  local first = file.lines[at.line]:sub(at.column)
  local fence = first:match('^```+') or first:match('^~~~+')
  if not fence then
    return is_woven and complain(file.file, at.line, 'expected a fence here, after blanks and not a tab')
  end
  local body = block.text == '' and 0 or select(2, block.text:gsub('\n', '')) + 1
  local closes = '^[>%s]*' .. fence .. fence:sub(1, 1) .. '*%s*$'
  if at.last - at.line > body and file.lines[at.last]:find(closes) then return end
  complain(file.file, at.line, 'this fence is not closed: expected %s', fence)
end

-- Pandoc cuts attributes that it does not understand at the first blank.
local function line_in(file, number)
  local n = 0
  for line in (lib.read(file.file) .. '\n'):gmatch('(.-)\r?\n') do
    n = n + 1
    if n == number then return (line:gsub('^%s+', '')) end
  end
end

local function code_block(file, block)
  local a, language = block.attributes, block.classes[1] or ''
  for _, class in ipairs(block.classes) do
    if class:lower() == 'c' or class == 'console' then language = class end
  end
  local line, last, column = place_of(block)
  local at = { line = line or file.at.line, last = last, column = column }
  local is_woven = a.file or a.fragment or a.run
  if language:find('[{}]') then
    return complain(file.file, at.line,
      'expected attributes as c {file="..." fragment="..."}, with double quotes, found: %s',
      line and line_in(file, line) or language)
  elseif not line and is_woven then
    return complain(file.file, at.line, 'code is not woven into a note')
  elseif line then
    complain_of_fence(file, block, at, is_woven)
  end
  if language == 'c' and a.file and a.fragment and not a.run then
    at.file, at.fragment = a.file, a.fragment
    return enter(file, 'listings', at)
  elseif language == 'console' and a.run and not (a.file or a.fragment) then
    at.run = a.run
    return enter(file, 'sessions', at)
  elseif language:lower() == 'c' then
    complain(file.file, at.line, 'a C block names its fragment: expected c {file="..." fragment="..."}')
  elseif language == 'console' then
    complain(file.file, at.line, 'a console block names its recorded run: expected console {run="..."}')
  elseif is_woven then
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
  enter(file, 'sections', { id = header.identifier, level = header.level, title = text_of(unwrap(header.content)),
    line = line })
  place_below(file, header)
  within(file, { line = line }, function() paragraph(file, header.content, 'h') end)
end

-- An exercise's first words are bold, and name it; how long it takes follows.
local function item(file, blocks)
  local first = file.at.place == 'exercise' and first_inlines(blocks)
  local inlines = first and unwrap(first)
  if inlines and inlines[1] and inlines[1].t == 'Strong' then
    local minutes = text_of(inlines):match('%((%d+) minutes?%)')
    enter(file, 'exercises',
      { name = text_of(inlines[1].content), minutes = math.tointeger(minutes), line = line_of(first) })
  end
  inside(file, blocks, 'li')
end

local function cells(file, rows)
  for _, row in ipairs(rows) do
    for _, cell in ipairs(row.cells or row[2]) do inside(file, cell.contents or cell[5], 'td') end
  end
end

-- The list of chapters, if this is one: each of its items is a link to a file of chapters/, and nothing else.
local function contents_in(file, list)
  local chapters = {}
  for i, blocks in ipairs(list.content) do
    local first = first_inlines(blocks)
    local line = first and line_of(first) or file.at.line
    local link = first and #first == 1 and #blocks == 1 and first[1].t == 'Link' and first[1]
    local target = link and lib.beside(file.file, link.target)
    if not (target and target:find('^chapters/')) then
      if i == 1 then return end
      return complain(file.file, line, 'an item of the list of chapters is a link to one, and nothing else')
    end
    chapters[i] = { file = target, title = text_of(unwrap(link.content)), line = line, section = #file.sections }
  end
  return chapters
end

-- Raw HTML would be lost on paper without a word: only folds are allowed, and the comments around a table.
local function raw_block(file, raw)
  local text = raw.text:gsub('%s+$', '')
  local summary = text:match('^<details[^>]*>%s*<summary>(.-)</summary>$')
  local table_of, ends = text:match('^<!%-%- table: (%S+) %-%->$'), text == '<!-- end of table -->'
  if raw.format ~= 'html' then
    complain(file.file, file.at.line, 'the book has no %s', raw.format)
  elseif summary then
    table.insert(file.folds, file.at.line)
  elseif text == '</details>' then
    if not table.remove(file.folds) then
      complain(file.file, file.at.line, 'this </details> has no <details><summary>…</summary> in the same box or item')
    end
  elseif table_of then
    if file.at.column ~= 1 then complain(file.file, file.at.line, 'a table is not woven into a box or a list') end
    enter(file, 'tables', { file = table_of, last = 0 })
  elseif ends then
    local open = file.tables[#file.tables]
    if open and open.last == 0 then
      open.last = file.at.line
    else
      complain(file.file, file.at.line, 'no table ends here')
    end
  elseif not text:find('^<!%-%-.*%-%->$') then
    complain(file.file, file.at.line,
      'raw HTML is only <details><summary>…</summary> and </details>, each between blank lines; here stands: %s', text)
  end
end

local function figure(file, image, caption)
  local src = image.src
  if not src:find('^%a[%w+.-]*:') then
    src = lib.beside(file.file, src)
    if not lib.read(src) then
      complain(file.file, file.at.line, 'there is no picture %s (`make trace figures` draws those of traces)', src)
    end
  end
  enter(file, 'figures', { src = src, caption = text_of(caption) })
end

local visit = {
  Header = function(file, block) heading(file, block) end,
  CodeBlock = function(file, block) code_block(file, block) end,
  Div = function(file, block, tag)
    local line, _, column = place_of(block)
    if not is_place(block) then
      complain(file.file, line or file.at.line, 'the book has no fenced block, and no attributes of blocks')
    end
    within(file, { line = line, column = column }, function() walk(file, block.content, tag) end)
  end,
  Para = function(file, block, tag)
    local inlines = block.content
    if #inlines == 1 and inlines[1].t == 'Image' then return figure(file, inlines[1], unwrap(inlines[1].caption)) end
    enter_terms(file, pandoc.Para(paragraph(file, inlines, tag)))
  end,
  Plain = function(file, block, tag) paragraph(file, block.content, tag) end,
  Figure = function(file, block) -- pandoc 3
    local image
    block:walk { Image = function(found) image = found end }
    figure(file, image, unwrap(pandoc.utils.blocks_to_inlines(block.caption.long)))
  end,
  BlockQuote = function(file, block)
    local box = box_of(file, block)
    if box then enter(file, 'boxes', box) end
    within(file, { place = box and 'box:' .. (box.kind or box.label) or nil }, function()
      inside(file, block.content, 'p')
    end)
  end,
  BulletList = function(file, block)
    if file.file == 'book.md' then file.contents = file.contents or contents_in(file, block) end
    for _, blocks in ipairs(block.content) do item(file, blocks) end
  end,
  OrderedList = function(file, block) for _, blocks in ipairs(block.content) do item(file, blocks) end end,
  DefinitionList = function(file)
    complain(file.file, file.at.line,
      'after text, a line that begins with : or ~ is a definition; the book has none, and its fences are ```')
  end,
  Table = function(file, block)
    within(file, { line = place_of(block) }, function()
      cells(file, block.head.rows or block.head[2])
      for _, body in ipairs(block.bodies) do cells(file, body.body) end
    end)
  end,
  RawBlock = function(file, block) raw_block(file, block) end,
  HorizontalRule = function() end,
}

function walk(file, blocks, tag)
  for _, block in ipairs(blocks) do
    local known = visit[block.t]
    if known then known(file, block, tag or 'p')
    else complain(file.file, file.at.line, 'the book has no %s', block.t) end
  end
end

-- The file as pandoc reads it; ends the program where its title block cannot be read. The block's own lines are counted
-- from the one after the ---.
local function read_document(path, text)
  local ok, doc = pcall(pandoc.read, text, reader)
  if ok then return doc end
  local why = one_line(tostring(doc):gsub('\\n', ' '):gsub('"$', ''))
  local line, message = why:match('exception at line (%d+), column %d+[:,] *(.*)')
  complain(path, line and line + 1 or 1, 'the title block: %s', message or why)
  os.exit(1)
end

-- The language is that of a file's own title block, or of book.md, whose model is made first.
local function find_words(path, meta, to)
  local front = lib.read((to:match('^.*/') or '') .. 'book.json')
  local lang = meta.lang and stringify(meta.lang) or front and json.decode(front).lang or 'en'
  local found, wrong = words_of.of(lang)
  if found then return found end
  complain(path, 1, '%s', wrong)
  os.exit(1)
end

local function load_file(path, to)
  local text = lib.read(path)
  local file, doc = new_file(path), read_document(path, text)
  words = find_words(path, doc.meta, to)
  file.lines = source.lines(text)
  inside(file, doc.blocks, 'p')
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
  local file, meta = load_file(stringify(doc.meta.file), stringify(doc.meta.to))
  if file.file == 'book.md' and not (meta.title and meta.lang) then
    complain(file.file, 1, 'expected a title block with title: and lang:, between two lines ---')
  end
  if mistakes > 0 then os.exit(1) end
  for _, key in ipairs { 'title', 'subtitle', 'lang', 'rights', 'description' } do
    file[key] = meta[key] and stringify(meta[key])
  end
  lib.write(stringify(doc.meta.to), lib.json(clean(file)))
  os.exit(0)
end
