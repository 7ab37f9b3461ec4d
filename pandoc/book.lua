-- What our Markdown means: the one filter behind every format of the book. Run it from the top.
--
-- The input is one file, book.md or a chapter, and becomes a page; or with `-M whole` it is book.md, and the chapters
-- are read in here. Which these are, in what order, says build/contents.json, which model.lua makes.
--
-- Here Markdown becomes sessions, listings, boxes, folds, figures, claims. How each looks is told by the format's own
-- file, pandoc/FORMAT/render.lua. It returns a table of functions:
--
--   session(lines)          a recorded run; lines of { tick, command = text } or { tick, text }
--   listing(l)              code: l.text, l.language; if it is of code/, l.file, fragment, number, first (line), and
--                           own: is it of this chapter?
--   box(kind, blocks)       their first word is the label, in a Span of class `label`
--   fold(summary, blocks)   what is to be unfolded. (A format without it gets the answers in an appendix, as Divs, and
--                           all else unfolded; these classes it must know: lead, appended, to, pointer.)
--   figure(f)               f.src, f.caption (inlines), f.alt; f.svg is the text of a drawn run
--   image(image)            an image in a line of text, its src seen from the top
--   claim(link, path, test) and code_link(link, path): inlines for a link into code/
--   table(table)
--   chapter(heading, number, title)   the heading of a chapter, in the whole book
--   glossary_link(place, id), answer_link(summary, id), back_link(id)     a link, inlines
--   pointer(link, id, above)          a block with the link to an answer; nil if it now stands in the paragraph above
--   page(blocks, meta, book, chapter) and whole(blocks, meta, book)       the finished document
--
-- and gets the words of the language, as its `words`.

local json = require 'dkjson'
local lib = dofile 'weave/lib.lua'
local reader = dofile 'pandoc/reader.lua'
local source = dofile 'weave/source.lua'
local words_of = dofile 'pandoc/words.lua'
local appendix = dofile 'pandoc/appendix.lua'
local stringify = pandoc.utils.stringify

local book             -- build/contents.json: booktitle, lang …, and contents: file, name, number, title of each
local chapter_of = {}  -- by file; later with its heading and blocks
local here             -- the file being turned, seen from the top
local render, words
local whole

-- Mistakes ------------------------------------------------------------------

local mistakes = 0

-- Report a mistake and go on, so that one run shows them all.
local function complain(form, ...)
  mistakes = mistakes + 1
  io.stderr:write(here, ': ', form:format(...), '\n')
end

local function stop_on_mistakes()
  if mistakes > 0 then os.exit(1) end
end

local function read_file(path)
  local text = lib.read(path)
  if not text then
    complain('there is no file %s', path)
    stop_on_mistakes()
  end
  return text
end

-- html5 is pandoc/html, and a writer of ours stands in its format's folder.
local function find_renderer()
  local format = FORMAT:match('([^/]+)/[^/]*%.lua$') or FORMAT:gsub('%d+$', '')
  local path = ('pandoc/%s/render.lua'):format(format)
  if not lib.exists(path) then
    complain('nobody wrote what the book looks like as %s: write %s, with what pandoc/book.lua asks for', FORMAT, path)
    stop_on_mistakes()
  end
  local made = dofile(path)
  local needed = { whole and 'whole' or 'page', 'session', 'listing', 'box', 'figure', 'image', 'claim', 'code_link' }
  for _, name in ipairs(needed) do
    if not made[name] then complain('%s has no function %s', path, name) end
  end
  stop_on_mistakes()
  return made
end

-- Files and ids -------------------------------------------------------------

-- Where a link leads, seen from the top.
local function from_top(path) return lib.beside(here, path) end

local function is_front(path) return path:match('[^/]*$') == 'book.md' end

-- In a whole book all files share one set of ids: each gets its file's name before it.
local function shared_id(file, id)
  local chapter = chapter_of[file]
  local prefix = chapter and 'ch-' .. chapter.name or 'front'
  if id == '' or (chapter and chapter.heading and id == chapter.heading.identifier) then return prefix end
  return prefix .. '-' .. id
end

local function page_link(link, path, fragment)
  if whole then
    local gone = is_front(path) and fragment == book.contents_section -- see without_contents
    link.target = '#' .. shared_id(path, gone and '' or fragment)
  else
    local page = (chapter_of[path] and chapter_of[path].name or 'index') .. '.html'
    link.target = page .. (fragment ~= '' and '#' .. fragment or '')
  end
  return link
end

-- Inlines -------------------------------------------------------------------

local function link(link)
  local path, fragment = link.target:match('^([^#]*)#?(.*)$')
  if path:match('^%a[%w+.-]*:') then return end -- elsewhere
  if path == '' then
    if not whole then return end
    path = here
  else
    path = from_top(path)
  end
  if is_front(path) or chapter_of[path] then return page_link(link, path, fragment) end
  if path:match('^code/') then -- a claim has the test that proves it as its title
    if link.title ~= '' then return render.claim(link, path, link.title) end
    return render.code_link(link, path)
  end
  complain('link to %s: the book has no page for it; expected a chapter of its list, code/, or a full address',
    link.target)
end

local function image(image)
  if image.src:match('^%a[%w+.-]*:') then return end
  image.src = from_top(image.src)
  return render.image(image)
end

-- Comments say nothing to the reader; of HTML there is only <kbd>.
local function raw_inline(inline)
  if inline.text:match('^<!%-%-') then return {} end
end

-- Blocks --------------------------------------------------------------------

-- A drawn run is an SVG of weave/figure.lua, with the same in words in its <desc>. nil for any other image.
local function drawn_run(src)
  local svg = src:match('%.svg$') and read_file(src)
  if svg and svg:match('^<svg [^>]*class="run"') then return svg end
end

local function words_of_run(svg)
  local text = svg:match('<desc[^>]*>(.-)</desc>'):gsub('\n', ' ')
  return (text:gsub('&lt;', '<'):gsub('&gt;', '>'):gsub('&quot;', '"'):gsub('&amp;', '&'))
end

-- An image alone in its paragraph is a figure.
local function is_figure(block) return block.t == 'Para' and #block.content == 1 and block.content[1].t == 'Image' end

local function figure(image)
  local src = from_top(image.src)
  local svg = drawn_run(src)
  local alt = svg and words_of_run(svg) or stringify(image.caption)
  return render.figure { src = src, caption = image.caption, svg = svg, alt = alt }
end

-- '$ command', '[5.5] what the terminal showed at that tick', or bare text. A tick is told once, as in a timetable.
local function session(text)
  local lines, last = {}, nil
  for line in (text .. '\n'):gmatch('(.-)\n') do
    local tick, shown = line:match('^%[(%d[%d.]*)%] ?(.*)')
    table.insert(lines, { tick = tick ~= last and tick or '', command = line:match('^%$ (.*)'), text = shown or line })
    last = tick or last
  end
  return render.session(lines)
end

local fragments = {} -- by file: what source.lua knows of them, by name

local function find_fragment(file, name)
  fragments[file] = fragments[file] or source.fragments(read_file('code/' .. file), function() end)
  return fragments[file][name] or { number = 0, first = 1 } -- weave complains of one that is not there
end

local function code_block(block)
  if block.classes:includes('console') then return session(block.text) end
  local file, fragment = block.attributes.file, block.attributes.fragment
  local listing = { text = block.text }
  for _, class in ipairs(block.classes) do
    if class:match('^{') then
      complain('%s…: expected attributes like {.c file="x" fragment="y"}, in double quotes', class)
    end
    if source.tokens('', class) then listing.language = class end
  end
  if file then
    local found = find_fragment(file, fragment)
    listing.file, listing.fragment, listing.number, listing.first = file, fragment, found.number, found.first
    listing.own = chapter_of[here] and file:match('^[^/]*') == chapter_of[here].name
  end
  return render.listing(listing)
end

-- A quote whose first words are bold and end with a full stop is a box.
local function block_quote(quote)
  local first = quote.content[1]
  local label = first and first.t == 'Para' and first.content[1]
  label = label and label.t == 'Strong' and stringify(label):match('^(.*)%.$')
  if not label then return end
  local kind, nearest = words_of.box(words, label)
  if kind then return render.box(kind, quote.content) end
  complain('no box is called "%s."; the nearest is "%s."', label, nearest)
end

-- The answer to a question may be folded, and a hint; and whatever else is long.
local function fold(summary, blocks)
  if render.fold then return render.fold(summary, blocks) end
  if appendix.takes(words, summary) then return { pandoc.Div(blocks, { class = 'fold', summary = summary }) } end
  return { pandoc.Div(pandoc.Para(pandoc.Emph(summary .. ':')), { class = 'lead' }), table.unpack(blocks) }
end

-- What takes more than one block, or the place of one: <details> and </details> are blocks of raw HTML among the
-- others, and what stands between them is folded.
local function folds_and_figures(blocks)
  local out, open = pandoc.Blocks {}, {}
  for _, block in ipairs(blocks) do
    local html = block.t == 'RawBlock' and block.text or ''
    local summary = html:match('^<details[^>]*>%s*<summary>(.-)</summary>%s*$')
    if summary then
      table.insert(open, { out = out, summary = summary })
      out = pandoc.Blocks {}
    elseif html:match('^</details>%s*$') and #open > 0 then
      local opened, folded = table.remove(open), out
      out = opened.out
      out:extend(fold(opened.summary, folded))
    elseif html:match('^</?details') then
      complain('%s: expected <details><summary>…</summary>, blank line, text, blank line, </details>, all in the same '
        .. 'box or item', html)
    elseif is_figure(block) then
      out:extend(figure(block.content[1]))
    elseif not html:match('^<!%-%-') then
      out:insert(block)
    end
  end
  if #open > 0 then complain('<summary>%s: there is no </details> in the same box or item', open[1].summary) end
  return out
end

-- Folds and figures first, while all raw HTML is still the author's. Then pandoc turns inlines before blocks.
local function apply_rules(blocks)
  blocks = pandoc.walk_block(pandoc.Div(blocks), { Blocks = folds_and_figures })
  return pandoc.walk_block(blocks, {
    Link = link, Image = image, RawInline = raw_inline,
    CodeBlock = code_block, BlockQuote = block_quote, Table = render.table,
  }).content
end

-- A page --------------------------------------------------------------------

-- Take the heading off a chapter: '1. A blocking pipe' is the number '1' and the title; some have no number.
local function take_heading(chapter, blocks)
  local heading = blocks[1]
  if not (heading and heading.t == 'Header' and heading.level == 1) then
    complain('does not begin with a "# " heading')
    stop_on_mistakes()
  end
  table.remove(blocks, 1)
  chapter.heading = heading
  local number = heading.content[1] and heading.content[1].text
  if number and number == (chapter.number or '') .. '.' then
    return pandoc.Inlines { table.unpack(heading.content, 3) }
  end
  return heading.content
end

local function page(doc)
  local chapter = chapter_of[here]
  if chapter then
    chapter.inlines = take_heading(chapter, doc.blocks)
  elseif not is_front(here) then
    complain('this chapter is not in the contents list of book.md')
  end
  return render.page(apply_rules(doc.blocks), doc.meta, book, chapter)
end

-- The whole book in one document --------------------------------------------

local function prefix_ids(blocks)
  local function prefix(element)
    if element.identifier ~= '' then element.identifier = shared_id(here, element.identifier) end
    return element
  end
  return pandoc.walk_block(pandoc.Div(blocks), { Header = prefix, Div = prefix, Span = prefix }).content
end


-- The front matter without the section that has the list of chapters: in a whole book the machine makes one.
local function without_contents(blocks)
  local out, level = pandoc.Blocks {}, nil
  for _, block in ipairs(blocks) do
    if block.t == 'Header' and block.level <= (level or 9) then
      level = block.identifier == book.contents_section and block.level or nil
    end
    if not level then out:insert(block) end
  end
  return out
end

-- The glossary's entries are made here; and where nothing can be folded, the answers: see appendix.lua.
local function mark_terms(chapter, terms)
  local found
  found, chapter.blocks = appendix.terms(chapter.blocks, words)
  for _, term in ipairs(found) do
    local place = words.chapter .. '\u{a0}' .. (chapter.number or chapter.title)
    term.link = render.glossary_link(place, shared_id(chapter.file, term.id))
    table.insert(terms, term)
  end
end

local function move_answers(chapter, blocks, answers)
  local text, taken = appendix.answers(blocks, shared_id(chapter.file, ''), words, render)
  if #taken > 0 then
    answers:insert(pandoc.Header(2, stringify(chapter.heading),
      { id = shared_id(chapter.file, 'answers'), class = 'unnumbered unlisted' }))
  end
  answers:extend(taken)
  return text
end

local function whole_book(doc)
  for _, chapter in ipairs(book.contents) do
    here = chapter.file
    chapter.blocks = pandoc.read(read_file(here), reader).blocks
    chapter.inlines = take_heading(chapter, chapter.blocks)
  end
  here = PANDOC_STATE.input_files[1]
  local blocks = pandoc.Blocks { pandoc.Header(1, words.preface, { id = 'front' }) }
  blocks:extend(prefix_ids(apply_rules(without_contents(doc.blocks))))
  local terms, answers = {}, pandoc.Blocks {}
  for _, chapter in ipairs(book.contents) do -- a second round: a link may point to a later chapter
    here = chapter.file
    mark_terms(chapter, terms)
    local text = prefix_ids(apply_rules(chapter.blocks))
    local heading = chapter.heading:clone()
    heading.identifier = shared_id(here, '')
    blocks:insert(render.chapter(heading, chapter.number, chapter.inlines))
    blocks:extend(move_answers(chapter, text, answers))
  end
  local function append(id, title, what)
    blocks:insert(pandoc.Header(1, title, { id = id }))
    blocks:extend(what)
  end
  if #answers > 0 then append('answers', words.answers, answers) end
  if #terms > 0 then append('glossary', words.glossary, { appendix.glossary(terms) }) end
  return render.whole(blocks, doc.meta, book)
end

local function read_book(path)
  if not lib.exists(path) then complain('there is no %s: run `make %s` first', path, path) end
  stop_on_mistakes()
  local made = json.decode(read_file(path))
  for _, chapter in ipairs(made.contents) do chapter_of[chapter.file] = chapter end
  return made
end

function Pandoc(doc)
  here = PANDOC_STATE.input_files[1] or '-'
  whole = doc.meta.whole == true
  render = find_renderer()
  book = read_book(doc.meta.contents and stringify(doc.meta.contents) or 'build/contents.json')
  local wrong
  words, wrong = words_of.of(book.lang)
  if not words then complain('%s', wrong) end
  stop_on_mistakes()
  render.words = words
  local made = (whole and whole_book or page)(doc)
  stop_on_mistakes()
  return made
end
