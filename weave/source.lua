-- The fragments and the tokens of a source file, for all that weaves, shows or indexes code.
--
-- A fragment begins at a line `// § NAME` (in Python `# § NAME`) at column 0, and ends before the next such line. What
-- stands before the first is the file's head.

local M = {}

function M.lines(text)
  local lines = {}
  if text ~= '' and text:sub(-1) ~= '\n' then text = text .. '\n' end
  for line in text:gmatch('([^\n]*)\n') do lines[#lines + 1] = line:match('^(.-)\r?$') end
  return lines
end

local function is_blank(line) return not line:find('%S') end

local function trim(lines, fragment)
  while fragment.first <= fragment.last and is_blank(lines[fragment.first]) do fragment.first = fragment.first + 1 end
  while fragment.last >= fragment.first and is_blank(lines[fragment.last]) do fragment.last = fragment.last - 1 end
  return { table.unpack(lines, fragment.first, fragment.last) }
end

-- The fragments in their order: { name, number, line (of the §), first, last (lines with text), body (those lines) };
-- also by name. A near miss would end up inside the fragment before it, unseen: complain(line, message) hears of it.
function M.fragments(text, complain)
  local lines, fragments, open = M.lines(text), {}, nil
  for n, line in ipairs(lines) do
    local name = line:match('^// § (%S.-)%s*$') or line:match('^# § (%S.-)%s*$')
    if name and fragments[name] then
      complain(n, ('fragment "%s" is already on line %d: a name is used once in a file'):format(name,
        fragments[name].line))
    elseif name then
      if open then open.last = n - 1 end
      open = { name = name, number = #fragments + 1, line = n, first = n + 1, last = #lines }
      fragments[#fragments + 1], fragments[name] = open, open
    elseif line:find('^%s*//%s*§') or line:find('^%s*#%s*§') then
      complain(n, ('expected `// § NAME` at column 0, found: %s'):format(line))
    end
  end
  for _, fragment in ipairs(fragments) do fragment.body = trim(lines, fragment) end
  return fragments
end

-- The id of the listing of a file's nth fragment: unique in the whole book, since each fragment is shown once.
function M.fragment_id(file, number) return file:match('[^/]*$') .. '-' .. number end

-- Tokens -----------------------------------------------------------------------

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
  return 'id'
end

languages.c = { '[%a_#"\'/]', function(text, at, char)
  local two = text:sub(at, at + 1)
  if two == '//' then return 'co', (text:find('\n', at, true) or #text + 1) - 1 end
  if two == '/*' then return 'co', select(2, text:find('*/', at + 2, true)) or #text end
  if char == '"' or char == "'" then return 'st', end_of_string(text, at) end
  if char == '/' then return '', at end
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
  return 'id', select(2, text:find('^%S+', at))
end }

languages.h, languages.py = languages.c, languages.python

-- For each token of C, Python or shell: its class ('co' comment, 'st' string, 'kw' word of the language, 'dt' type,
-- 'id' any other word, '' none of these), its first and its last byte. nil for a language that is not known.
function M.tokens(text, language)
  local known = languages[language]
  if not known then return nil end
  local begins, token, at = known[1], known[2], 1
  return function()
    local first = text:find(begins, at)
    if not first then return nil end
    local class, last = token(text, first, text:sub(first, first))
    at = last + 1
    return class, first, last
  end
end

return M
