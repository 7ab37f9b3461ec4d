-- What there is in code/: the model that pages, search and checks read, as pandoc/model.lua is that of the prose.
--
--   lua5.4 weave/code.lua LIST >build/code.json
--
-- LIST has a line `KIND PATH` for each source (kinds: program, module, part, tests, bench, preload, python, kit). All
-- paths are seen from the top of the book, where this runs. The result, one line a file, in the order of their names:
--
--   { "files": [ { "file": "01-x/y.c", "kind": …,
--       "about": the first paragraph of the comment (in Python also the string) that the file begins with,
--       "functions": [ { "name", "line", "end", "prototype", "about": first sentence of the comment above a prototype } ],
--       "tests": [ { "name", "line" } ],
--       "fragments": [ { "name", "number", "line", "first", "last" } ],
--       "own": [ what it defines ], "includes": [ "01-x/z.h" ],
--       "words": [ [ word, its first line, how often ] ], "calls": [ words that stand before a parenthesis ] } ] }
--
-- Universal ctags says what is defined; it knows no comments and no uses, which are tokens of source.lua. Exit status: 0,
-- 1 when a file cannot be read or a fragment is malformed, 2 for a wrong call.

local json = require 'dkjson'
local here = arg[0]:match('^.*/') or ''
local source = dofile(here .. 'source.lua')

local mistakes = 0
local function complain(...)
  mistakes = mistakes + 1
  io.stderr:write('code: ', string.format(...), '\n')
end

local function read(path)
  local file = io.open(path, 'rb')
  local text = file and file:read('a')
  if file then file:close() end
  if not text then complain('%s: cannot be read', path) end
  return text or ''
end

local function quote(word) return "'" .. word:gsub("'", "'\\''") .. "'" end

-- What ctags says, by path: a list of tags in the order of their lines.
local function tags_of(list)
  local tags = {}
  local ctags = io.popen("cut -d ' ' -f 2- " .. quote(list) .. ' | LC_ALL=C ctags -L - -o - --output-format=json '
    .. '--languages=C,Python --langmap=C:.c.h --fields=-P --fields=+neStr --kinds-C=+plz --extras=+r --sort=no')
  for line in ctags:lines() do
    local tag = json.decode(line)
    if tag and tag._type == 'tag' then
      tags[tag.path] = tags[tag.path] or {}
      table.insert(tags[tag.path], tag)
    end
  end
  if not ctags:close() then complain('ctags failed (it has to be universal-ctags with JSON)') end
  return tags
end

-- Comments ----------------------------------------------------------------------

-- A comment's first paragraph on one line, without what begins and ends it and its lines.
local function first_paragraph(comment)
  local words = {}
  for line in comment:gsub('^/%*', ''):gsub('%*/$', ''):gsub('"""', ''):gmatch('[^\n]*') do
    line = line:gsub('^%s*[*/#]*', ''):match('^%s*(.-)%s*$')
    if line ~= '' then table.insert(words, line) elseif #words > 0 then break end
  end
  return table.concat(words, ' ')
end

local function first_sentence(text) return (text .. ' '):match('^(.-%.)%s') or text end

-- What the file's first comment says after the file's name.
local function about(text, language)
  local first, last
  for class, from, to in source.tokens(text, language) do
    local next_to_it = last and text:sub(last + 1, from - 1) == '\n' and text:find('^[/#][^*]', from)
    if not (from == 1 or next_to_it) or not (class == 'co' or language == 'py' and class == 'st') then break end
    first, last = 1, to
  end
  return first and first_paragraph(text:sub(first, last)):gsub('^%S+ %- ', '') or ''
end

-- Words -------------------------------------------------------------------------

-- The words of the code, those that are called, and the comments by the line on which they end. Lines with an #include
-- name files.
local function tokens_of(text, language, skip)
  local words, calls, comments, line, at = {}, {}, {}, 1, 1
  local function line_of(position)
    while true do
      local newline = text:find('\n', at, true)
      if not newline or newline >= position then return line end
      line, at = line + 1, newline + 1
    end
  end
  for class, first, last in source.tokens(text, language) do
    local on, token = line_of(first), text:sub(first, last)
    if class == 'co' then
      comments[line_of(last)] = token
    elseif class == 'id' and not skip[on] then
      words[token] = words[token] or { token, on, 0 }
      words[token][3] = words[token][3] + 1
      if text:sub(last + 1, last + 1) == '(' then calls[token] = true end
    end
  end
  return words, calls, comments
end

-- A file ------------------------------------------------------------------------

local function sorted_keys(members)
  local keys = setmetatable({}, { __jsontype = 'array' })
  for key in pairs(members) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local function sorted_values(by_name)
  local values = setmetatable({}, { __jsontype = 'array' })
  for i, name in ipairs(sorted_keys(by_name)) do values[i] = by_name[name] end
  return values
end

local function list() return setmetatable({}, { __jsontype = 'array' }) end

-- A path with its `..`s worked out.
local function resolve(folder, path)
  local parts = {}
  for part in (folder .. path):gmatch('[^/]+') do
    if part == '..' then table.remove(parts) elseif part ~= '.' then table.insert(parts, part) end
  end
  return table.concat(parts, '/')
end

-- A cmocka test: void test(void **state).
local function is_test(tag) return tag.typeref == 'typename:void' and (tag.signature or ''):find('^%(void %*%* ?[%w_]+%)$') end

-- What can be called through a pointer has a name of its own even where it is a parameter; other parameters, local
-- variables and members are nobody's business.
local function is_own(tag)
  if tag.name:find('^__anon') or tag.kind == 'header' then return false end
  local inner = tag.kind == 'local' or tag.kind == 'parameter' or tag.kind == 'member' and tag.typeref
  return not inner or (tag.typeref or ''):find('(*)', 1, true)
end

local function describe(kind, path, tags)
  local text, language = read(path), path:match('%w+$')
  local file = path:gsub('^code/', '')
  local record = { file = file, kind = kind, functions = list(), tests = list(), fragments = list(), includes = list() }
  local own, skip = {}, {}
  for _, tag in ipairs(tags) do if tag.kind == 'header' then skip[tag.line] = true end end
  local words, calls, comments = tokens_of(text, language, skip)
  for _, tag in ipairs(tags) do
    local prototype = tag.kind == 'prototype'
    if is_own(tag) then own[tag.name] = true end
    if prototype or tag.kind == 'function' then
      local above = prototype and comments[tag.line - 1]
      table.insert(record.functions, { name = tag.name, line = tag.line, ['end'] = tag['end'], prototype = prototype,
        about = above and first_sentence(first_paragraph(above)) or nil })
    end
    if kind == 'tests' and tag.kind == 'function' and is_test(tag) then
      table.insert(record.tests, { name = tag.name, line = tag.line })
    end
    if tag.kind == 'header' and tag.roles == 'local' then
      table.insert(record.includes, resolve(file:match('^.*/'), tag.name))
    end
  end
  local fragments = source.fragments(text, function(line, message) complain('%s:%d: %s', path, line, message) end)
  for _, fragment in ipairs(fragments) do
    fragment.body = nil
    table.insert(record.fragments, fragment)
  end
  record.about, record.own, record.calls, record.words = about(text, language), sorted_keys(own), sorted_keys(calls), sorted_values(words)
  return record
end

-- All ---------------------------------------------------------------------------

local ORDER = { 'file', 'kind', 'about', 'name', 'number', 'line', 'end', 'first', 'last', 'prototype', 'functions',
  'tests', 'fragments', 'own', 'includes', 'words', 'calls' }

local function main()
  if #arg ~= 1 then
    io.stderr:write('usage: code.lua LIST\n')
    os.exit(2)
  end
  local tags, records = tags_of(arg[1]), {}
  for line in read(arg[1]):gmatch('[^\n]+') do
    local kind, path = line:match('^(%S+) (.+)$')
    if path then table.insert(records, describe(kind, path, tags[path] or {}))
    else complain('%s: expected KIND PATH, found: %s', arg[1], line) end
  end
  table.sort(records, function(a, b) return a.file < b.file end)
  for i, record in ipairs(records) do records[i] = json.encode(record, { keyorder = ORDER }) end
  if mistakes > 0 then os.exit(1) end
  io.write('{"files": [\n', table.concat(records, ',\n'), '\n]}\n')
end

main()
