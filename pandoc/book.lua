-- What our Markdown means: the one filter behind every format of the book.
--
-- HTML: the input is one file (book.md or a chapter) and becomes one page; of
-- book.md only the title block and the contents list are read besides.
-- EPUB, PDF, and HTML with `-M whole`: the input is book.md, and the chapters of
-- its contents list are read in here. So book.md alone says which chapters there are, in what order.

local reader = 'commonmark_x-tex_math_dollars-raw_tex-emoji+yaml_metadata_block'
local for_html = FORMAT == 'html' or FORMAT == 'html5'
local for_paper = FORMAT:match('typst') ~= nil
local whole = not for_html -- all chapters in one document

local folder = PANDOC_SCRIPT_FILE:match('^.*/') or ''
local source = dofile(folder .. '../weave/source.lua')
local highlight = dofile(folder .. 'html/highlight.lua')
local escape = highlight.escape
local appendix = dofile(folder .. 'appendix.lua')

local input = PANDOC_STATE.input_files[1]
local root = input:gsub('book%.md$', ''):gsub('chapters/[^/]*$', '') -- '' when run from the top
local here = input:sub(#root + 1) -- the file being turned: 'book.md' or 'chapters/01-….md'

-- Mistakes ------------------------------------------------------------------

local mistakes = 0

-- Report a mistake and go on, so that one run shows them all.
local function complain(form, ...)
  mistakes = mistakes + 1
  io.stderr:write(here, ': ', string.format(form, ...), '\n')
end

local function stop_on_mistakes()
  if mistakes > 0 then os.exit(1) end
end

local function read_file(name)
  local file = io.open(root .. name)
  if not file then
    complain('there is no file %s', name)
    stop_on_mistakes()
  end
  local text = file:read('a')
  file:close()
  return text
end

-- The contents list of book.md ----------------------------------------------

local book = {}     -- the title block
local chapters = {} -- in the book's order: file, name, title, and later heading and blocks
local chapter_of = {} -- by file

-- Reading only the title block and the list keeps a page as quick as the page itself.
local function read_contents()
  local text = read_file('book.md') .. '\n## '
  local head = text:match('^%-%-%-\n.-\n%-%-%-\n') or ''
  local list = text:match('\n## Contents\n(.-)\n## ')
  if not list then
    complain('book.md has no section "## Contents"')
    stop_on_mistakes()
  end
  local doc = pandoc.read(head .. '\n' .. list, reader)
  book = doc.meta
  pandoc.walk_block(pandoc.Div(doc.blocks), { BulletList = function(items)
    for _, item in ipairs(items.content) do
      local link = item[1].content[1]
      if link.t == 'Link' then
        local chapter = {
          file = link.target,
          name = link.target:match('^chapters/([%w-]+)%.md$'),
          title = pandoc.utils.stringify(link),
        }
        if not chapter.name then complain('contents: %s is not chapters/some-name.md', link.target) end
        table.insert(chapters, chapter)
        chapter_of[chapter.file] = chapter
      end
    end
  end })
end

-- Take the '# 1. A blocking pipe' off a chapter, and see that the contents list agrees.
local function take_heading(chapter, blocks)
  local first = blocks[1]
  if not (first and first.t == 'Header' and first.level == 1) then
    complain('does not begin with a "# " heading')
  elseif pandoc.utils.stringify(first) ~= chapter.title then
    complain('the heading is "%s", in book.md it is "%s"', pandoc.utils.stringify(first), chapter.title)
  end
  stop_on_mistakes()
  chapter.heading = first
  table.remove(blocks, 1)
end

-- '1. A blocking pipe' is the number '1' and the rest; a title without number stays whole.
local function split_number(inlines)
  local number = inlines[1] and inlines[1].text and inlines[1].text:match('^(%w+)%.$')
  if not number then return nil, inlines end
  return number, pandoc.Inlines { table.unpack(inlines, 3) }
end

-- Links ---------------------------------------------------------------------

-- In a whole book all files share one set of ids: each gets its file's name before it.
local function shared_id(file, id)
  local chapter = chapter_of[file]
  local prefix = chapter and 'ch-' .. chapter.name or 'front'
  if id == '' or (chapter and chapter.heading and id == chapter.heading.identifier) then return prefix end
  return prefix .. '-' .. id
end

-- The path of a link's target, seen from the top of the repository.
local function from_top(path)
  if not here:match('^chapters/') then return path end
  return (('chapters/' .. path):gsub('^chapters/%.%./', ''))
end

local function code_page(path) return path .. (path:match('^code/[^/]+/[^/]+%.[chp]y?$') and '.html' or '.txt') end

local function page_link(link, path, fragment)
  if not whole then
    local page = chapter_of[path] and chapter_of[path].name or 'index'
    link.target = page .. '.html' .. (fragment ~= '' and '#' .. fragment or '')
    return link
  end
  if path == 'book.md' and fragment == 'contents' then fragment = '' end -- see front()
  link.target = '#' .. shared_id(path, fragment)
  return link
end

-- A claim: the test that proves it stands in the title.
local function claim_link(link, path)
  local test = link.title
  if for_paper then
    link.content:insert(pandoc.Span('✓', { class = 'tested' }))
    return link.content
  end
  local mark = for_html and '<span class="tested" role="img" aria-label="tested"></span>' or '<span class="tested" role="img" aria-label="(tested)">✓</span>'
  link.content:insert(pandoc.RawInline('html', mark))
  if not for_html then return link.content end
  link.classes = { 'claim' }
  link.title = ''
  link.target = code_page(path) .. '#' .. test
  return link
end

local function link(link)
  local path, fragment = link.target:match('^([^#]*)#?(.*)$')
  if path:match('^%a[%w+.-]*:') then return end -- elsewhere
  if path == '' then
    if whole then link.target = '#' .. shared_id(here, fragment) end
    return link
  end
  path = from_top(path)
  if path == 'book.md' or chapter_of[path] then return page_link(link, path, fragment) end
  if path:match('^code/') then
    if link.title ~= '' then return claim_link(link, path) end
    if not for_html then return link.content end
    link.target = code_page(path)
    return link
  end
  if path:match('^chapters/[^/]*%.md$') then
    complain('link to %s: that chapter is not in the contents list of book.md', link.target)
  else
    complain('link to %s: the book has no page for it; link to a chapter, to code/, or to a full address', link.target)
  end
end

-- The site has no folder chapters/; the other formats are made from the top.
local function image(image)
  if image.src:match('^%a[%w+.-]*:') then return end
  image.src = from_top(image.src)
  if for_html then image.src = image.src:gsub('^chapters/', '') end
  if FORMAT:match('^epub') then image.src = root .. image.src end
  return image
end

-- A drawn run is an SVG of figure.lua, with the same in words in its <desc>. nil for any other image.
local function drawn_run(src)
  local name = src:match('figures/([%w_-]+)%.svg$')
  local svg = name and read_file('chapters/figures/' .. name .. '.svg')
  if svg and svg:match('^<svg [^>]*class="run"') then return svg end
end

-- A path of M and L with each point told from the one before: hatchings and tears repeat then, and take no room in a
-- compressed page.
local function relative(path)
  if path:find('[^ML%d%. -]') then return path end
  local x, y, out = 0, 0, {}
  local function short(number) return (('%.2f'):format(number):gsub('%.?0+$', ''):gsub('^%-0$', '0')) end
  for command, px, py in path:gmatch('([ML])([%d%.-]+) ([%d%.-]+)') do
    table.insert(out, command:lower() .. short(px - x) .. ' ' .. short(py - y))
    x, y = px, py
  end
  return table.concat(out)
end

-- In a page the picture itself takes the page's colors; what it says is below it, to be unfolded, and is what a
-- screen reader can ask for.
local function inline_run(svg, caption)
  local words = svg:match('<desc[^>]*>(.-)</desc>')
  local id = svg:match('<desc id="([^"]*)">')
  svg = svg:gsub('<desc.-</desc>\n', ''):gsub('<style>.-</style>\n', '')
  svg = svg:gsub(' d="([^"]*)"', function(path) return ' d="' .. relative(path) .. '"' end)
  local html = ('<figure class="drawn">\n<div class="scroll" tabindex="0" role="group" aria-label="Figure: %s">\n'):format(
    svg:match('<title[^>]*>(.-)</title>')) .. svg .. '</div>\n'
  local list = '<details>\n<summary>The same in words</summary>\n<p id="' .. id .. '">'
    .. words:gsub('\n', '<br>\n') .. '</p>\n</details>\n</figcaption>\n</figure>'
  local blocks = pandoc.Blocks { pandoc.RawBlock('html', html .. '<figcaption>') }
  blocks:insert(pandoc.Plain(caption))
  blocks:insert(pandoc.RawBlock('html', list))
  return blocks
end

-- The alternative text of a picture that is a file: all of it, on one line.
local function words_of_run(svg)
  local words = svg:match('<desc[^>]*>(.-)</desc>'):gsub('\n', ' ')
  return (words:gsub('&lt;', '<'):gsub('&gt;', '>'):gsub('&quot;', '"'):gsub('&amp;', '&'))
end

-- An image alone in its paragraph is a figure; pandoc knows it by this title. (Its alternative text is the caption;
-- a drawn run's goes into the attribute `alt`, where the format has a place for it.)
local function para(para)
  local only = para.content[1]
  if #para.content ~= 1 or only.t ~= 'Image' then return end
  local svg = drawn_run(only.src)
  if svg and for_html then return inline_run(svg, only.caption) end
  if svg and for_paper then only.attributes.alt = words_of_run(svg) end
  if svg and FORMAT:match('^epub') then
    local blocks = pandoc.Blocks { pandoc.RawBlock('html', ('<figure>\n<img src="%s" alt="%s" />\n<figcaption>'):format(
      only.src, (words_of_run(svg):gsub('[&<>"]', { ['&'] = '&amp;', ['<'] = '&lt;', ['>'] = '&gt;', ['"'] = '&quot;' })))) }
    blocks:insert(pandoc.Plain(only.caption))
    blocks:insert(pandoc.RawBlock('html', '</figcaption>\n</figure>'))
    return blocks
  end
  only.title = 'fig:' .. only.title
  return para
end

-- Code ----------------------------------------------------------------------

-- Highlighters by the class used in the book. Any other class is taken off:
-- for one it does not know, pandoc loads all it has, a quarter of a second each time.
local highlighter = { c = 'c', sh = 'bash', python = 'python', make = 'makefile', diff = 'diff' }

local function raw(form, ...) return pandoc.RawBlock('html', string.format(form, ...)) end

-- A recorded run: '$ command', '[5.5] what the terminal showed at that tick', or bare text.
-- On screen prompt and tick come from the style sheet, so that copying takes only the text.
local function session(block)
  local lines, last = {}, nil
  for line in (block.text .. '\n'):gmatch('(.-)\n') do
    local command = line:match('^%$ (.*)')
    local tick, text = line:match('^%[(%d[%d.]*)%] ?(.*)')
    local shown = tick ~= last and tick or '' -- a tick is told once, as in a timetable
    if tick then last = tick end
    local margin
    if for_html then
      margin = string.format('<span data-tick="%s"></span>', shown)
      if command then margin = margin .. '<span class="prompt"></span>' end
    else
      margin = string.format('<span class="tick">%4s </span>%s', shown, command and '$ ' or '')
    end
    text = escape(command or text or line)
    if command then
      text = '<kbd>' .. text .. '</kbd>'
    else -- what the terminal shows for a key that was pressed
      text = text:gsub('%^[CDZ\\]', '<kbd class="key">%0</kbd>')
    end
    table.insert(lines, margin .. text)
  end
  return raw('<pre class="session"%s><code>%s\n</code></pre>', for_html and ' tabindex="0"' or '', table.concat(lines, '\n'))
end

local fragments = {} -- by file: what source.lua knows of them, by name

local function find_fragment(file, fragment)
  fragments[file] = fragments[file] or source.fragments(read_file('code/' .. file), function() end)
  return fragments[file][fragment] or { number = 0, first = 1 } -- weave complains of one that is not there
end

-- The numbers of a listing's lines: nobody selects, copies or hears them. (A list of items without content is what
-- takes least room in a compressed page.)
local function numbers(first, text)
  local _, breaks = text:gsub('\n', '')
  return ('<ol class="numbers" start="%d" aria-hidden="true">%s</ol>'):format(first, ('<li>'):rep(breaks + 1))
end

-- In a page, a listing says where it is from, leads there, and can be linked to.
local function page_listing(block, language, file, fragment)
  local code = '<pre tabindex="0"><code>' .. highlight.highlight(block.text, language) .. '\n</code></pre>'
  if not file then return pandoc.RawBlock('html', code) end
  local found = find_fragment(file, fragment)
  local folder, name = file:match('^(.*)/([^/]*)$')
  if here ~= 'chapters/' .. folder .. '.md' then name = file end
  return raw('<figure class="listing" id="%s">\n<figcaption><a href="%s#L%d"><code>%s</code></a> · %s</figcaption>\n%s%s\n</figure>',
    source.fragment_id(file, found.number), escape(code_page('code/' .. file)), found.first, escape(name), escape(fragment),
    numbers(found.first, block.text), code)
end

-- An e-reader sets tabs eight wide.
local function reader_listing(block, language, file, fragment)
  local code = '<pre><code>' .. highlight.highlight(block.text:gsub('\t', '    '), language) .. '\n</code></pre>'
  if not file then return pandoc.RawBlock('html', code) end
  return raw('<figure class="listing">\n<figcaption><code>%s</code> · %s</figcaption>\n%s\n</figure>',
    escape(file), escape(fragment), code)
end

local function code_block(block)
  local a = block.attributes
  local file, fragment = a.file, a.fragment
  local is_session = block.classes:includes('console')
  local language
  for _, class in ipairs(block.classes) do language = language or highlighter[class] end
  if is_session and not for_paper then return session(block) end
  if for_html then return page_listing(block, language, file, fragment) end
  if for_paper then
    block.classes = { is_session and 'session' or language }
    if file then block.attributes.first = tostring(find_fragment(file, fragment).first) end
    return block
  end
  return reader_listing(block, language, file, fragment)
end

-- Boxes, answers, tables, notes ---------------------------------------------

local boxes = { Predict = 'predict', ['In Python'] = 'in-python', Wrong = 'wrong', Careful = 'careful', Further = 'further' }

local function block_quote(quote)
  local first = quote.content[1]
  local label = first and first.t == 'Para' and first.content[1].t == 'Strong' and first.content[1]
  local kind = label and boxes[pandoc.utils.stringify(label):match('^(.*)%.$')]
  if not kind then return end
  if for_paper then
    first.content[1] = pandoc.Span(label.content, { class = 'label' })
    return pandoc.Div(quote.content, { class = 'box ' .. kind })
  end
  local blocks = pandoc.Blocks { raw('<aside class="box %s" role="note">', kind) }
  blocks:extend(quote.content)
  blocks:insert(raw('</aside>'))
  return blocks
end

local open_folds = 0
local details = '^<details[^>]*>%s*<summary>(.-)</summary>%s*$'

-- Raw HTML would be lost on paper without a word: only the folds are allowed.
local function raw_block(block)
  local text = block.text:gsub('%s+$', '')
  if block.format ~= 'html' then return end
  if text:match('^<!%-%-.*%-%->$') then return {} end
  if text:match(details) then
    open_folds = open_folds + 1
  elseif text == '</details>' then
    open_folds = open_folds - 1
  else
    complain('raw HTML is only <details><summary>…</summary> and </details>, each between blank lines; here stands: %s', text)
  end
end

local function raw_inline(inline)
  local text = inline.text
  if inline.format ~= 'html' or text:match('^</?kbd>$') then return end
  if text:match('^<!%-%-') then return {} end
  complain('%s would be taken for HTML and vanish; write it as code', text)
end

-- Paper cannot fold: an answer goes to an appendix (see whole_book), and what else was folded stands where it is.
local function unfold(blocks)
  local out, holders = pandoc.Blocks {}, {}
  for _, block in ipairs(blocks) do
    local summary = block.t == 'RawBlock' and block.text:match(details)
    if summary then
      table.insert(holders, { out = out, summary = summary })
      out = pandoc.Blocks {}
    elseif block.t == 'RawBlock' and block.text:match('^</details>') and #holders > 0 then
      local holder, folded = table.remove(holders), out
      out = holder.out
      if appendix.goes_to_appendix(holder.summary) then
        out:insert(pandoc.Div(folded, { class = 'fold', summary = holder.summary }))
      else
        out:insert(pandoc.Div(pandoc.Para(pandoc.Emph(holder.summary .. ':')), { class = 'lead' }))
        out:extend(folded)
      end
    else
      out:insert(block)
    end
  end
  if #holders > 0 then complain('a <details> has no </details> in the same box') end
  return out
end

-- A page has no inline styles, so that it can forbid them, and no heading of a column without text.
local function table_box(tbl)
  local html = pandoc.write(pandoc.Pandoc { tbl }, 'html5')
  html = html:gsub(' style="text%-align: right;"', ' class="right"'):gsub(' style="[^"]*"', ''):gsub('<th></th>', '<td></td>')
  return raw('<div class="table" tabindex="0" role="group" aria-label="Table">%s</div>', (html:gsub('^%s+', '')))
end

-- Typewise: pandoc applies the inline rules first, then the block rules.
local rules = {
  Link = link, Image = image, RawInline = raw_inline,
  Para = para, CodeBlock = code_block, BlockQuote = block_quote, RawBlock = raw_block,
}
if for_html then rules.Table = table_box else rules.Blocks = unfold end

local function apply_rules(blocks)
  blocks = pandoc.walk_block(pandoc.Div(blocks), rules).content
  if open_folds ~= 0 then complain('not every <details> has its </details>') end
  open_folds = 0
  return blocks
end

-- What pages have besides ---------------------------------------------------

local notes = 0

-- A note follows its sign in the text. Where there is room it stands in the margin, else it shows when its sign is
-- followed: its own id is the target.
local function note(note)
  notes = notes + 1
  local text = pandoc.utils.blocks_to_inlines(note.content)
  text:insert(1, pandoc.RawInline('html', string.format('<sup><a href="#fn%d" id="fnref%d" aria-label="Note %d">%d</a></sup>'
    .. '<span class="note" role="note" id="fn%d"><sup>%d</sup> ', notes, notes, notes, notes, notes, notes)))
  text:insert(pandoc.RawInline('html', string.format(' <a class="back" href="#fnref%d">Close</a></span>', notes)))
  return text
end

-- A heading is a link to itself. (The number above a chapter stays outside, a line of its own.)
local function self_link(heading)
  local first, number = heading.content[1], nil
  if first and first.t == 'Span' and first.classes:includes('number') then number = heading.content:remove(1) end
  heading.content = pandoc.Inlines { pandoc.Link(heading.content, '#' .. heading.identifier, '', { class = 'self' }) }
  if number then heading.content:insert(1, number) end
  return heading
end

local function finish_html(blocks)
  return pandoc.walk_block(pandoc.Div(blocks), { Note = note, Header = self_link }).content
end

-- A page --------------------------------------------------------------------

-- The first words of the text, for search engines.
local function description(blocks)
  for _, block in ipairs(blocks) do
    if block.t == 'Para' then
      local text = pandoc.utils.stringify(block)
      if #text <= 150 then return text end
      return text:sub(1, 150):gsub('%s%S*$', '') .. ' …'
    end
  end
end

local function turn(chapter) return chapter and { href = chapter.name .. '.html', title = chapter.title } end

local function page(doc)
  local meta = book
  meta.booktitle = book.title
  meta.chapters = {}
  for i, chapter in ipairs(chapters) do
    meta.chapters[i] = turn(chapter)
    if chapter.file == here then
      take_heading(chapter, doc.blocks)
      meta.chapters[i].here = true
      meta.number, meta.heading = split_number(chapter.heading.content)
      meta.id = chapter.heading.identifier
      meta.pagetitle = chapter.title .. ' - ' .. pandoc.utils.stringify(book.title)
      meta.previous = turn(chapters[i - 1]) or { href = 'index.html', title = book.title }
      meta.next = turn(chapters[i + 1])
    end
  end
  if here == 'book.md' then
    meta.front = true
    meta.pagetitle = book.title
    meta.next = turn(chapters[1])
  elseif not chapter_of[here] then
    complain('this chapter is not in the contents list of book.md')
  end
  local blocks = apply_rules(doc.blocks)
  if not (meta.front and meta.description) then meta.description = description(blocks) end
  return pandoc.Pandoc(finish_html(blocks), meta)
end

-- The whole book in one document --------------------------------------------

local function prefix_ids(blocks)
  local function prefix(element)
    if element.identifier ~= '' then element.identifier = shared_id(here, element.identifier) end
    return element
  end
  return pandoc.walk_block(pandoc.Div(blocks), { Header = prefix, Div = prefix, Span = prefix }).content
end

-- The front matter of book.md becomes a chapter without number. Its contents
-- list goes, because here the machine makes one.
local function front(blocks)
  local out, in_contents = pandoc.Blocks { pandoc.Header(1, 'Preface', { id = 'front' }) }, false
  for _, block in ipairs(blocks) do
    if block.t == 'Header' then
      if block.level == 1 then complain('book.md has its title in the title block, and no "# " heading') end
      if block.level == 2 then in_contents = block.identifier == 'front-contents' end
    end
    if not in_contents then out:insert(block) end
  end
  return out
end

-- '1. A blocking pipe' with its number in a span, for the style sheet.
local function mark_number(heading)
  local number, rest = split_number(heading.content)
  if not number then return end
  local dot = pandoc.Span({ pandoc.Str('. ') }, { class = 'dot' })
  heading.content = pandoc.Inlines { pandoc.Span({ pandoc.Str(number), dot }, { class = 'number' }) }
  heading.content:extend(rest)
end

-- All headers of the programs: what they declare is ours, and not in the index of system calls.
local function headers() return pandoc.pipe('sh', { '-c', 'cat ' .. root .. 'code/*/*.h' }, '') end

-- The glossary; and where nothing can be folded, the answers: see appendix.lua.
local function mark_terms(chapter, terms)
  local found
  found, chapter.blocks = appendix.terms(chapter.blocks)
  for _, term in ipairs(found) do
    term.target = shared_id(chapter.file, term.id)
    term.place = 'chapter\u{a0}' .. chapter.title:match('^%w*')
    table.insert(terms, term)
  end
end

local function move_answers(chapter, blocks, answers)
  local text, taken = appendix.answers(blocks, shared_id(chapter.file, ''))
  if #taken > 0 then answers:insert(pandoc.Header(2, chapter.title, { id = shared_id(chapter.file, 'answers'),
    class = 'unnumbered unlisted' })) end
  answers:extend(taken)
  return text
end

local function whole_book(doc)
  for _, chapter in ipairs(chapters) do
    here = chapter.file
    chapter.blocks = pandoc.read(read_file(here), reader).blocks
    take_heading(chapter, chapter.blocks)
  end
  here = 'book.md'
  local terms, answers = {}, pandoc.Blocks {}
  local blocks = front(prefix_ids(apply_rules(doc.blocks)))
  for _, chapter in ipairs(chapters) do -- a second round: a link may point to a later chapter
    here = chapter.file
    mark_terms(chapter, terms)
    local heading = chapter.heading:clone()
    heading.identifier = shared_id(here, '')
    if for_paper then
      local number
      number, heading.content = split_number(heading.content)
      heading.attributes.number = number
    elseif for_html then
      mark_number(heading)
    end
    blocks:insert(heading)
    local text = prefix_ids(apply_rules(chapter.blocks))
    if not for_html then text = move_answers(chapter, text, answers) end
    blocks:extend(text)
  end
  if #answers > 0 then
    blocks:insert(pandoc.Header(1, 'Answers and hints', { id = 'answers', ['epub:type'] = 'appendix' }))
    blocks:extend(answers)
  end
  if #terms > 0 then
    blocks:insert(pandoc.Header(1, 'Glossary', { id = 'glossary', ['epub:type'] = not for_html and 'glossary' or nil }))
    blocks:insert(appendix.glossary(terms))
  end
  if for_paper then doc.meta.headers = headers() end
  return pandoc.Pandoc(blocks, doc.meta)
end

-- The whole book as one page: its title is the heading above all others.
local function whole_page(doc)
  local made = whole_book(doc)
  local function lower(heading)
    heading.level = heading.level + 1
    return heading
  end
  made.blocks = finish_html(pandoc.walk_block(pandoc.Div(made.blocks), { Header = lower }).content)
  made.meta.booktitle = book.title
  made.meta.pagetitle = pandoc.utils.stringify(book.title) .. ' - all on one page'
  return made
end

function Pandoc(doc)
  read_contents()
  whole = whole or doc.meta.whole ~= nil
  local result = not whole and page(doc) or for_html and whole_page(doc) or whole_book(doc)
  stop_on_mistakes()
  return result
end
