-- A pandoc writer (of the classic kind, which pandoc 2.17 has) that writes Typst.
-- Nothing here decides how the book looks: it calls functions of book.typ.
--
-- Every block is a function call and every text a quoted string or escaped, so
-- that no character of the book can be taken for markup, wherever it stands.

local json = require 'dkjson'
local lib = dofile 'weave/lib.lua'
local source = dofile 'weave/source.lua'

local function quoted(text) return '"' .. text:gsub('[\\"]', '\\%0') .. '"' end

local function label(attr)
  return attr.id and attr.id ~= '' and ' <' .. attr.id .. '>' or ''
end

local function call(name, ...)
  return '#' .. name .. '[' .. table.concat({ ... }, '][') .. ']'
end

function Blocksep() return '\n\n' end

-- The index: every call, errno value and signal that the text names. What is a call the book says itself, somewhere:
-- the text names its page of the manual, as `read(2)`, or a listing calls it, and it is not ours. That may be after the
-- name's first use: so each name leaves a mark, and the marks of names that are no calls are taken off at the end.
local calls = {} -- read = 'read(2)'
local called, own = {}, {}
local marked = '\1([^\2]*)\2'

local function mark(name) return '\1' .. name .. '\2' end
local function unmark(text) return (text:gsub(marked, '')) end

local function constant(text)
  local function word(pattern) return text:match('%f[%w_]' .. pattern .. '%f[^%w_]') end
  return word 'SIG%u[%u%d]*' or word 'SA_%u+' or word 'E%u%u[%u%d]+' or word 'ERESTART_%u+'
end

local function name_in_code(text)
  local name = text:match('^([%a_][%w_]*)%([23]%)$')
  if name then calls[name] = text end
  return name or text:match('^([%a_][%w_]*)$') or text:match('^([%a_][%w_]*)%(') or constant(text)
end

local function note_calls(code)
  for class, first, last in source.tokens(code, 'c') do
    local word = code:sub(first, last)
    if class == 'id' and code:sub(last + 1, last + 1) == '(' and word == word:lower() then called[word] = true end
  end
end

-- What is ours, says build/code.json. (What is preloaded, or measured, stands in for calls of the system.)
local function note_own()
  local text = lib.read('build/code.json')
  if not text then error('there is no build/code.json: run `make build/code.json` first', 0) end
  for _, file in ipairs(json.decode(text).files) do
    local ours = file.file:match('%.[ch]$') and file.kind ~= 'preload' and file.kind ~= 'bench'
    for _, name in ipairs(ours and file.own or {}) do own[name] = true end
  end
end

local function index_entry(name)
  if name == 'errno' then return '' end
  if not calls[name] and called[name] and not own[name] then calls[name] = name .. '()' end
  if calls[name] then return '#ix("' .. calls[name] .. '")' end
  return constant(name) == name and '#ix("' .. name .. '")' or ''
end

function Doc(body)
  note_own()
  return (body:gsub(marked, index_entry)) .. '\n'
end

-- Inlines
function Str(text)
  local name = constant(text)
  return (name and mark(name) or '') .. text:gsub('%p', '\\%0')
end
function Space() return ' ' end
function SoftBreak() return '\n' end
function LineBreak() return '#linebreak()' end
function Emph(s) return call('emph', s) end
function Strong(s) return call('strong', s) end
function Subscript(s) return call('sub', s) end
function Superscript(s) return call('super', s) end
function Strikeout(s) return call('strike', s) end
function Underline(s) return call('underline', s) end
function SmallCaps(s) return call('smallcaps', s) end
function SingleQuoted(s) return '‘' .. s .. '’' end
function DoubleQuoted(s) return '“' .. s .. '”' end
function Note(s) return call('footnote', s) end
function Code(text)
  local name = name_in_code(text)
  return (name and mark(name) or '') .. '#raw(' .. quoted(text) .. ')'
end
function RawInline() return '' end

function Link(s, target, _, attr)
  local to = target:match('^#(.+)')
  if attr.class == 'page' then return '#link(<' .. to .. '>)[' .. s .. ' #page-of(<' .. to .. '>)]' end
  return '#link(' .. (to and '<' .. to .. '>' or quoted(target)) .. ')[' .. s .. ']'
end

function Span(s, attr)
  if attr.class == 'tested' or attr.class == 'label' then return call('as-' .. attr.class, s) end
  if attr.class == 'term' then return '#box[' .. s .. ']<' .. attr.id .. '>' end
  if attr.class == 'pointer' then return '#at-the-right#box(text(9.4pt)[' .. s .. '])<' .. attr.id .. '>' end
  return s
end

-- The source stands in build/; paths that begin with / start at the top of the book.
local function picture(src, alt) return 'image(' .. quoted('/' .. src) .. ', alt: ' .. quoted(alt) .. ')' end

-- In a line of text; a figure is a Div.
function Image(_, src) return '#box(height: 1em, ' .. picture(src, '') .. ')' end

-- Blocks
function Plain(s) return s end
function Para(s) return s end
function RawBlock(format, text) return format == 'typst' and text or '' end
function BlockQuote(s) return '#quote(block: true)[' .. s .. ']' end
function HorizontalRule() return '#pause-rule' end
function LineBlock(lines) return table.concat(lines, '#linebreak()') end

function Header(level, s, attr)
  local unlisted = attr.class:match('unlisted') and ', outlined: false, bookmarked: true' or ''
  local number = attr.number and ', numbering: (..) => ' .. quoted(attr.number .. '.') or ''
  return '#heading(level: ' .. level .. number .. unlisted .. ')[' .. unmark(s) .. ']' .. label(attr)
end

function CodeBlock(text, attr)
  if attr.class == 'c' then note_calls(text) end
  local code = quoted(attr.class or '') .. ', ' .. quoted(text) .. ')'
  if not attr.file then return '#code(' .. code end
  return '#listing(' .. quoted(attr.file) .. ', ' .. quoted(attr.fragment or '') .. ', ' .. attr.first .. ', ' .. code
end

function Div(s, attr)
  if attr.src then return '#' .. attr.class .. '(' .. picture(attr.src, attr.alt) .. ', caption: [' .. s .. '])' end
  local kind = attr.class:match('^box (.*)')
  if kind then return '#sidebox(' .. quoted(kind) .. ')[' .. s .. ']' end
  if attr.class == 'pointer' or attr.class == 'appended' or attr.class == 'to' or attr.class == 'lead' then
    return '#' .. attr.class .. '[' .. s .. ']' .. label(attr)
  end
  return s .. label(attr)
end

-- Items of one paragraph each stand close together.
local function list(name, items)
  local loose = false
  for _, item in ipairs(items) do loose = loose or item:find('\n\n', 1, true) ~= nil end
  return '#' .. name .. 'tight: ' .. tostring(not loose) .. ')[' .. table.concat(items, '\n][\n') .. '\n]'
end

function BulletList(items) return list('list(', items) end
function OrderedList(items, start) return list('enum(start: ' .. start .. ', ', items) end

function DefinitionList(items)
  local out = {}
  for _, item in ipairs(items) do
    for term, definitions in pairs(item) do
      table.insert(out, 'terms.item([' .. term .. '], [' .. table.concat(definitions, '\n\n') .. '])')
    end
  end
  return '#terms(' .. table.concat(out, ', ') .. ')'
end

local function cells(row)
  local out = {}
  for i, cell in ipairs(row) do out[i] = '[' .. cell .. ']' end
  return table.concat(out, ', ')
end

function Table(caption, aligns, widths, header, rows)
  local sides, columns = {}, {}
  for i, align in ipairs(aligns) do
    sides[i] = ({ AlignRight = 'right', AlignCenter = 'center' })[align] or 'left'
    columns[i] = widths[i] > 0 and ('%g%%'):format(widths[i] * 100) or '1fr'
  end
  local alike = #aligns > 0 and widths[#aligns] > 0
  local body = {}
  for i, row in ipairs(rows) do body[i] = '  ' .. cells(row) .. ',\n' end
  local tbl = string.format('table(columns: %s, align: (%s,),\n  table.header(%s),\n%s)',
    alike and '(' .. table.concat(columns, ', ') .. ')' or #aligns,
    table.concat(sides, ', '), cells(header), table.concat(body))
  if caption == '' then return '#' .. tbl end
  return '#figure(kind: table, caption: [' .. caption .. '], ' .. tbl .. ')'
end

-- pandoc looks for every element here: one we forgot must not vanish from the book.
setmetatable(_G, { __index = function(_, name)
  if name:match('^%u%l') then error('typst.lua cannot write a ' .. name, 0) end
end })
