-- How the book looks in an e-reader; see book.lua for what each function is given.
--
-- The device chooses faces, sizes and colors, and cannot be relied on to fold or to hide anything.

local highlight = dofile 'pandoc/html/highlight.lua'
local escape = highlight.escape

local M = {}

local function raw(form, ...) return pandoc.RawBlock('html', form:format(...)) end

function M.session(lines)
  local out = {}
  for i, line in ipairs(lines) do
    out[i] = ('<span class="tick">%4s </span>'):format(line.tick)
      .. (line.command and '$ <kbd>' .. escape(line.command) .. '</kbd>' or highlight.keys(escape(line.text)))
  end
  return raw('<pre class="session"><code>%s\n</code></pre>', table.concat(out, '\n'))
end

-- An e-reader sets tabs eight wide.
function M.listing(l)
  local code = '<pre><code>' .. highlight.highlight(l.text:gsub('\t', '    '), l.language) .. '\n</code></pre>'
  if not l.file then return pandoc.RawBlock('html', code) end
  return raw('<figure class="listing">\n<figcaption><code>%s</code> · %s</figcaption>\n%s\n</figure>',
    escape(l.file), escape(l.fragment), code)
end

function M.code_link(link) return link.content end

function M.claim(link)
  local mark = ('<span class="tested" role="img" aria-label="(%s)">✓</span>'):format(M.words.tested)
  link.content:insert(pandoc.RawInline('html', mark))
  return link.content
end

function M.box(kind, blocks)
  local out = pandoc.Blocks { raw('<aside class="box %s" role="note">', kind) }
  out:extend(blocks)
  out:insert(raw '</aside>')
  return out
end

function M.image(image) return image end

function M.figure(f)
  return {
    raw('<figure>\n<img src="%s" alt="%s" />\n<figcaption>', escape(f.src), escape(f.alt)),
    pandoc.Plain(f.caption),
    raw '</figcaption>\n</figure>',
  }
end

-- The chapters have their own numbers.
function M.chapter(heading) return heading end

local function page(text, id) return pandoc.Link(text, '#' .. id, '', { class = 'page' }) end
M.glossary_link = page
M.answer_link = page
function M.back_link(id) return page(M.words.back, id) end

function M.pointer(link, id) return pandoc.Div({ pandoc.Para { link } }, { id = id, class = 'pointer' }) end

function M.whole(blocks, meta)
  local types = { answers = 'appendix', glossary = 'glossary' }
  for _, block in ipairs(blocks) do
    if block.t == 'Header' and types[block.identifier] then block.attributes['epub:type'] = types[block.identifier] end
  end
  meta['toc-title'] = M.words.contents
  return pandoc.Pandoc(blocks, meta)
end

return M
