-- How the book looks as pages; see book.lua for what each function is given.

local source = dofile 'weave/source.lua'
local highlight = dofile 'pandoc/html/highlight.lua'
local escape = highlight.escape
local stringify = pandoc.utils.stringify

local M = {}

local function raw(form, ...) return pandoc.RawBlock('html', form:format(...)) end
local function raw_inline(form, ...) return pandoc.RawInline('html', form:format(...)) end

-- Code ----------------------------------------------------------------------

-- Prompt and tick come from the style sheet, so that copying takes only the text.
function M.session(lines)
  local out = {}
  for i, line in ipairs(lines) do
    local margin = ('<span data-tick="%s"></span>'):format(line.tick)
    if line.command then
      out[i] = margin .. '<span class="prompt"></span><kbd>' .. escape(line.command) .. '</kbd>'
    else
      out[i] = margin .. highlight.keys(escape(line.text))
    end
  end
  return raw('<pre class="session" tabindex="0"><code>%s\n</code></pre>', table.concat(out, '\n'))
end

-- The numbers of a listing's lines: nobody selects, copies or hears them. (A list of items without content is what
-- takes least room in a compressed page.)
local function numbers(first, text)
  local _, breaks = text:gsub('\n', '')
  return ('<ol class="numbers" start="%d" aria-hidden="true">%s</ol>'):format(first, ('<li>'):rep(breaks + 1))
end

local function code_page(path) return path .. (path:match('^code/[^/]+/[^/]+%.[chp]y?$') and '.html' or '.txt') end

-- A listing says where it is from, leads there, and can be linked to.
function M.listing(l)
  local code = '<pre tabindex="0"><code>' .. highlight.highlight(l.text, l.language) .. '\n</code></pre>'
  if not l.file then return pandoc.RawBlock('html', code) end
  return raw('<figure class="listing" id="%s">\n<figcaption><a href="%s#L%d"><code>%s</code></a> · %s</figcaption>\n'
    .. '%s%s\n</figure>', source.fragment_id(l.file, l.number), escape(code_page('code/' .. l.file)), l.first,
    escape(l.own and l.file:match('[^/]*$') or l.file), escape(l.fragment), numbers(l.first, l.text), code)
end

function M.code_link(link, path)
  link.target = code_page(path)
  return link
end

function M.claim(link, path, test)
  link.content:insert(raw_inline('<span class="tested" role="img" aria-label="%s"></span>', M.words.tested))
  link.classes = { 'claim' }
  link.title = ''
  link.target = code_page(path) .. '#' .. test
  return link
end

-- Boxes, folds, tables ------------------------------------------------------

function M.box(kind, blocks)
  local out = pandoc.Blocks { raw('<aside class="box %s" role="note">', kind) }
  out:extend(blocks)
  out:insert(raw '</aside>')
  return out
end

function M.fold(summary, blocks)
  local out = pandoc.Blocks { raw('<details><summary>%s</summary>\n', summary) }
  out:extend(blocks)
  out:insert(raw '</details>\n')
  return out
end

-- A page has no inline styles, so that it can forbid them, and no heading of a column without text.
function M.table(tbl)
  local html = pandoc.write(pandoc.Pandoc { tbl }, 'html5')
  html = html:gsub(' style="text%-align: right;"', ' class="right"'):gsub(' style="[^"]*"', '')
    :gsub('<th></th>', '<td></td>'):gsub('<tr class="%a+">', '<tr>')
  html = html:gsub('^%s+', '')
  return raw('<div class="table" tabindex="0" role="group" aria-label="%s">%s</div>', M.words.table, html)
end

-- Figures -------------------------------------------------------------------

-- The site has no folder chapters/.
local function on_site(src) return (src:gsub('^chapters/', '')) end

function M.image(image)
  image.src = on_site(image.src)
  return image
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

-- The picture itself takes the page's colors; what it says is below it, to be unfolded, and is what a screen reader can
-- ask for.
local function drawn_run(svg)
  local id, text = svg:match('<desc id="([^"]*)">(.-)</desc>')
  svg = svg:gsub('<desc.-</desc>\n', ''):gsub('<style>.-</style>\n', '')
  svg = svg:gsub(' d="([^"]*)"', function(path) return ' d="' .. relative(path) .. '"' end)
  return ('<figure class="drawn">\n<div class="scroll" tabindex="0" role="group" aria-label="%s: %s">\n'):format(
      M.words.figure, svg:match('<title[^>]*>(.-)</title>')) .. svg .. '</div>\n<figcaption>',
    ('<details>\n<summary>%s</summary>\n<p id="%s">%s</p>\n</details>\n</figcaption>\n</figure>'):format(
      M.words.same_in_words, id, (text:gsub('\n', '<br>\n')))
end

function M.figure(f)
  local before = ('<figure>\n<img src="%s" alt="%s">\n<figcaption aria-hidden="true">'):format(
    escape(on_site(f.src)), escape(f.alt))
  local after = '</figcaption>\n</figure>'
  if f.svg then before, after = drawn_run(f.svg) end
  return { pandoc.RawBlock('html', before), pandoc.Plain(f.caption), pandoc.RawBlock('html', after) }
end

-- Headings and notes --------------------------------------------------------

-- '1. A blocking pipe' with its number in a span, for the style sheet.
function M.chapter(heading, number, title)
  if not number then return heading end
  local dot = pandoc.Span({ pandoc.Str '. ' }, { class = 'dot' })
  heading.content = pandoc.Inlines { pandoc.Span({ pandoc.Str(number), dot }, { class = 'number' }) }
  heading.content:extend(title)
  return heading
end

function M.glossary_link(place, id) return pandoc.Link(place, '#' .. id, '', { class = 'page' }) end

-- A heading is a link to itself. (The number above a chapter stays outside, a line of its own.)
local function self_link(heading)
  local first, number = heading.content[1], nil
  if first and first.t == 'Span' and first.classes:includes('number') then number = heading.content:remove(1) end
  heading.content = pandoc.Inlines { pandoc.Link(heading.content, '#' .. heading.identifier, '', { class = 'self' }) }
  if number then heading.content:insert(1, number) end
  return heading
end

-- A note follows its sign in the text. Where there is room it stands in the margin, else it shows when its sign is
-- followed: its own id is the target.
local notes = 0
local function note(note)
  notes = notes + 1
  local text = pandoc.utils.blocks_to_inlines(note.content)
  local n = notes
  text:insert(1, raw_inline('<sup><a href="#fn%d" id="fnref%d" aria-label="%s %d">%d</a></sup>'
    .. '<span class="note" role="note" id="fn%d"><sup>%d</sup> ', n, n, M.words.note, n, n, n, n))
  text:insert(raw_inline(' <a class="back" href="#fnref%d">%s</a></span>', notes, M.words.close))
  return text
end

-- The headings of these levels as a list of links. (pandoc's own list may stand on a page only once: it has ids.)
local function tree(blocks, upper, lower)
  local items = pandoc.List()
  for _, block in ipairs(blocks) do
    if block.t == 'Header' and block.level >= upper and block.level <= lower then
      local content, link = block.content, pandoc.Inlines {}
      if content[1].t == 'Span' and content[1].classes:includes('number') then link:insert(content[1]) end
      link:insert(pandoc.Span(content[#content].content)) -- of the link to itself
      local item = { pandoc.Plain { pandoc.Link(link, '#' .. block.identifier) } }
      if block.level == upper then
        items:insert(item)
      else
        local last = items[#items]
        last[2] = last[2] or pandoc.BulletList {}
        last[2].content:insert(item)
      end
    end
  end
  return { pandoc.BulletList(items) }
end

local function finish(blocks)
  return pandoc.walk_block(pandoc.Div(blocks), { Note = note, Header = self_link }).content
end

-- Documents -----------------------------------------------------------------

-- The first words of the text, for search engines.
local function description(blocks)
  for _, block in ipairs(blocks) do
    if block.t == 'Para' then
      local text = stringify(block)
      if #text <= 150 then return text end
      return text:sub(1, 150):gsub('%s%S*$', '') .. ' …'
    end
  end
end

local function full_title(chapter) return (chapter.number and chapter.number .. '. ' or '') .. chapter.title end

local function turn(chapter) return chapter and { href = chapter.name .. '.html', title = full_title(chapter) } end

local function chapter_meta(meta, book, chapter)
  meta.lang, meta.rights = book.lang, book.rights
  meta.number, meta.heading, meta.id = chapter.number, chapter.inlines, chapter.heading.identifier
  meta.pagetitle = full_title(chapter) .. ' - ' .. book.booktitle
  for i, other in ipairs(book.contents) do
    if other == chapter then
      meta.chapters[i].here = true
      meta.previous = turn(book.contents[i - 1]) or { href = 'index.html', title = book.booktitle }
      meta.next = turn(book.contents[i + 1])
    end
  end
end

function M.page(blocks, meta, book, chapter)
  meta.words, meta.booktitle, meta.chapters = M.words, book.booktitle, {}
  for i, other in ipairs(book.contents) do meta.chapters[i] = turn(other) end
  if chapter then
    chapter_meta(meta, book, chapter)
    meta.description = description(blocks)
  else
    meta.front, meta.pagetitle, meta.next = true, book.booktitle, turn(book.contents[1])
  end
  blocks = finish(blocks)
  meta.toc = tree(blocks, 2, 2)
  return pandoc.Pandoc(blocks, meta)
end

-- The whole book as one page: its title is the heading above all others.
function M.whole(blocks, meta, book)
  local function lower(heading)
    heading.level = heading.level + 1
    return heading
  end
  blocks = finish(pandoc.walk_block(pandoc.Div(blocks), { Header = lower }).content)
  meta.words, meta.booktitle = M.words, book.booktitle
  meta.pagetitle = book.booktitle .. ' - ' .. M.words.whole:gsub('^%u', string.lower)
  meta.toc = tree(blocks, 2, 3)
  return pandoc.Pandoc(blocks, meta)
end

return M
