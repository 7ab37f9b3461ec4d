-- How the book looks on paper, as far as blocks go; see book.lua for what each function is given.
--
-- What pandoc has no block for becomes a Div or a Span with a class, and typst.lua makes a call of book.typ of it.

local palette = dofile 'weave/palette.lua'

local M = {}

local function quoted(text) return '"' .. text:gsub('[\\"]', '\\%0') .. '"' end

function M.session(lines)
  local out = {}
  for i, line in ipairs(lines) do
    out[i] = line.command and ('  (command: %s),\n'):format(quoted(line.command))
      or ('  (tick: "%s", text: %s),\n'):format(line.tick, quoted(line.text))
  end
  return pandoc.RawBlock('typst', '#session(\n' .. table.concat(out) .. ')')
end

function M.listing(l)
  return pandoc.CodeBlock(l.text, { class = l.language == 'c' and 'c' or nil,
    file = l.file, fragment = l.fragment, first = l.first and tostring(l.first) })
end

function M.code_link(link) return link.content end

function M.claim(link)
  link.content:insert(pandoc.Span('✓', { class = 'tested' }))
  return link.content
end

function M.box(kind, blocks)
  local label = blocks[1].content[1]
  blocks[1].content[1] = pandoc.Span(label.content, { class = 'label' })
  return pandoc.Div(blocks, { class = 'box ' .. kind })
end

function M.image(image) return image end

function M.figure(f)
  local class = f.svg and 'drawn-run' or 'figure'
  return { pandoc.Div({ pandoc.Plain(f.caption) }, { class = class, src = f.src, alt = f.alt }) }
end

function M.chapter(heading, number, title)
  heading.content = title
  heading.attributes.number = number
  return heading
end

-- A link that says, after its text, what page it leads to.
local function page(text, id) return pandoc.Link(text, '#' .. id, '', { class = 'page' }) end
function M.glossary_link(place, id) return page(place .. ',', id) end
function M.answer_link(summary, id) return page(summary .. ':', id) end
function M.back_link(id) return page({}, id) end

-- It stands in the last line of the paragraph above, if there is room.
function M.pointer(link, id, above)
  if not above then return pandoc.Div({ pandoc.Para { link } }, { id = id, class = 'pointer' }) end
  above.content:insert(pandoc.Span({ link }, { id = id, class = 'pointer' }))
end

-- Tables with the same heads, but for that of the first column, are one table in parts: their columns stand below each
-- other, as narrow as heads of a word or two allow.
local function align_parts(blocks)
  local function heads(tbl)
    local cells = {}
    for i = 2, #tbl.headers do cells[i - 1] = pandoc.utils.stringify(tbl.headers[i]) end
    return table.concat(cells, '|')
  end
  local tables = {}
  local function count(tbl)
    local key = heads(pandoc.utils.to_simple_table(tbl))
    tables[key] = (tables[key] or 0) + 1
  end
  local function set(tbl)
    local simple = pandoc.utils.to_simple_table(tbl)
    if tables[heads(simple)] == 1 then return end
    for i = 2, #simple.widths do simple.widths[i] = 0.176 end
    return pandoc.utils.from_simple_table(simple)
  end
  blocks = pandoc.walk_block(pandoc.Div(blocks), { Table = count })
  return pandoc.walk_block(blocks, { Table = set }).content
end

function M.whole(blocks, meta)
  meta.words, meta.palette = M.words, {}
  for role, color in pairs(palette.sheet) do meta.palette[role] = color:sub(2) end -- a # would be escaped
  meta.language = meta.lang[1].text:match('^%a+')
  return pandoc.Pandoc(align_parts(blocks), meta)
end

return M
