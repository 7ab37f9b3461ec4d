-- Code as HTML: tokens in spans. (pandoc's own highlighter takes longer for code/ than for the book, and its spans would
-- be a third of a page's weight.)

local M = {}

local ENTITY = { ['&'] = '&amp;', ['<'] = '&lt;', ['>'] = '&gt;', ['"'] = '&quot;' }

function M.escape(text) return (text:gsub('[&<>"]', ENTITY)) end

local function set(words)
  local members = {}
  for word in words:gmatch('%S+') do members[word] = true end
  return members
end

local C_WORDS = set [[auto break case const continue default do else enum extern for goto if inline register restrict
  return sizeof static struct switch typedef union volatile while _Atomic _Noreturn _Static_assert _Thread_local
  #define #elif #else #endif #error #if #ifdef #ifndef #include #pragma #undef defined]]
local C_TYPES = set 'bool char double float int long short signed unsigned void FILE'
local PYTHON_WORDS = set [[and as assert async await break class continue def del elif else except finally for from
  global if import in is lambda nonlocal not or pass raise return try while with yield True False None]]

-- Where a quoted text that begins at `from` ends.
local function end_of_string(text, from)
  local quote = text:sub(from, from)
  local long = quote:rep(3)
  if text:sub(from, from + 2) == long then
    local _, last = text:find(long, from + 3, true)
    return last or #text
  end
  local at = from + 1
  while true do
    local stop = text:find('["\'\\\n]', at)
    if not stop then return #text end
    local char = text:sub(stop, stop)
    if char == quote then return stop end
    if char == '\n' then return stop - 1 end
    at = stop + (char == '\\' and 2 or 1)
  end
end

-- For each language: what begins a token; the class, if any, and the last byte of the token that begins at `at`.
local languages = {}

local function word_class(word, words, types)
  if words[word] then return 'kw' end
  if types and (types[word] or word:match('_t$')) then return 'dt' end
end

languages.c = { '[%a_#"\'/]', function(text, at, char)
  local two = text:sub(at, at + 1)
  if two == '//' then return 'co', (text:find('\n', at, true) or #text + 1) - 1 end
  if two == '/*' then return 'co', select(2, text:find('*/', at + 2, true)) or #text end
  if char == '"' or char == "'" then return 'st', end_of_string(text, at) end
  if char == '/' then return nil, at end
  local _, last, word = text:find('^(#? *[%w_]*)', at)
  if char == '#' then word = word:gsub(' ', '') end
  return word_class(word, C_WORDS, C_TYPES), last
end }

languages.python = { '[%a_#"\']', function(text, at, char)
  if char == '#' then return 'co', (text:find('\n', at, true) or #text + 1) - 1 end
  if char == '"' or char == "'" then return 'st', end_of_string(text, at) end
  local _, last, word = text:find('^([%w_]*)', at)
  return word_class(word, PYTHON_WORDS), last
end }

languages.sh = { '[%S]', function(text, at, char)
  if char == '#' then return 'co', (text:find('\n', at, true) or #text + 1) - 1 end
  if char == '"' or char == "'" then return 'st', end_of_string(text, at) end
  return nil, select(2, text:find('^%S+', at))
end }

languages.h, languages.py = languages.c, languages.python

-- The text as HTML with its tokens in spans, none of which goes over the end of a line.
function M.highlight(text, language)
  local known = languages[language]
  if not known then return M.escape(text) end
  local begins, token = known[1], known[2]
  local out, done, at = {}, 1, text:find(begins)
  while at do
    local class, last = token(text, at, text:sub(at, at))
    if class then
      if at > done then out[#out + 1] = M.escape(text:sub(done, at - 1)) end
      local inside = M.escape(text:sub(at, last))
      local span = '<span class="' .. class .. '">'
      if inside:find('\n', 1, true) then inside = inside:gsub('\n+', '</span>%0' .. span) end
      out[#out + 1] = span .. inside .. '</span>'
      done = last + 1
    end
    at = text:find(begins, last + 1)
  end
  out[#out + 1] = M.escape(text:sub(done))
  return table.concat(out)
end

return M
