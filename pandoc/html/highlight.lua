-- Code as HTML: tokens in spans. (pandoc's own highlighter takes longer for code/ than for the book, and its spans
-- would be a third of a page's weight.)

local source = dofile(debug.getinfo(1, 'S').source:match('^@(.*/)') .. '../../weave/source.lua')

local M = {}

local ENTITY = { ['&'] = '&amp;', ['<'] = '&lt;', ['>'] = '&gt;', ['"'] = '&quot;' }

function M.escape(text) return (text:gsub('[&<>"]', ENTITY)) end

-- What has a color: the classes of the style sheet.
local COLORED = { co = true, st = true, kw = true, dt = true }

-- The text as HTML with its tokens in spans, none of which goes over the end of a line.
function M.highlight(text, language)
  local tokens = source.tokens(text, language)
  if not tokens then return M.escape(text) end
  local out, done = {}, 1
  for class, first, last in tokens do
    if COLORED[class] then
      if first > done then out[#out + 1] = M.escape(text:sub(done, first - 1)) end
      local inside = M.escape(text:sub(first, last))
      local span = '<span class="' .. class .. '">'
      if inside:find('\n', 1, true) then inside = inside:gsub('\n+', '</span>%0' .. span) end
      out[#out + 1] = span .. inside .. '</span>'
      done = last + 1
    end
  end
  out[#out + 1] = M.escape(text:sub(done))
  return table.concat(out)
end

-- What the terminal shows for a key that was pressed, in text that is escaped.
function M.keys(html) return (html:gsub('%^[CDZ\\]', '<kbd class="key">%0</kbd>')) end

return M
