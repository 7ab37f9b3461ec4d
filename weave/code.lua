-- What there is in code/: the model that pages, search and checks read, as build/book.json is that of the prose.
--
--   lua5.4 weave/code.lua BUILD
--
-- Reads BUILD/code.list, which says of each file what it is, and the sources in it (C, headers, Python); runs from the
-- top of the book. Writes BUILD/code.json, one line a file, in the order of their names:
--
--   { "files": [ { "file": "01-x/y.c", "kind": as in code.list,
--       "about": the first paragraph of the comment (in Python also the string) that the file begins with,
--       "functions": [ { "name", "line", "end", "prototype", "about": the first sentence of the comment above } ],
--       "tests": [ { "name", "line" } ],
--       "fragments": [ { "name", "number", "line", "first", "last" } ],
--       "own": [ what it defines ], "includes": [ "01-x/z.h" ],
--       "words": [ [ word, its first line, how often ] ], "calls": [ words that stand before a parenthesis ] } ] }
--
-- Universal ctags says what is defined; it knows no comments and no uses, which are tokens of source.lua. A code.json
-- that would say the same keeps its time. Exit status: 0, 1 when a file cannot be read or a fragment is malformed,
-- 2 for a wrong call.

local json = require 'dkjson'
local here = arg[0]:match('^.*/') or ''
local lib = dofile(here .. 'lib.lua')
local source = dofile(here .. 'source.lua')

local mistakes = 0
local function complain(...)
  mistakes = mistakes + 1
  io.stderr:write(string.format(...), '\n')
end

-- The sources of the list: { kind, path }.
local function listed_in(list)
  local files = {}
  for line in (lib.read(list) or ''):gmatch('[^\n]+') do
    local kind, path = line:match('^(%l+) (code/.+)$')
    if not path then complain('%s: expected KIND code/PATH, found: %s', list, line)
    elseif path:find('%.[ch]$') or path:find('%.py$') then table.insert(files, { kind = kind, path = path }) end
  end
  if #files == 0 then complain('%s: has no sources', list) end
  return files
end

-- What ctags says, by path: a list of tags in the order of their lines.
local function tags_of(files)
  local tags, paths = {}, {}
  for i, file in ipairs(files) do
    tags[file.path], paths[i] = {}, lib.quoted(file.path)
  end
  local ctags = io.popen('ctags --quiet --options=NONE -f - --output-format=json --langmap=C:.c.h '
    .. '--fields=-P --fields=+neStr --kinds-C=+plz --extras=+r --sort=no ' .. table.concat(paths, ' '))
  for line in ctags:lines() do
    local tag = json.decode(line)
    if tag and tag._type == 'tag' then table.insert(tags[tag.path], tag) end
  end
  if not ctags:close() then complain('ctags failed; it has to be universal-ctags, with JSON') end
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

-- A cmocka test: void test(void **state).
local function is_test(tag)
  return tag.typeref == 'typename:void' and (tag.signature or ''):find('^%(void %*%* ?[%w_]+%)$')
end

-- What can be called through a pointer has a name of its own even where it is a parameter; other parameters, local
-- variables and members are nobody's business.
local function is_own(tag)
  if tag.name:find('^__anon') or tag.kind == 'header' then return false end
  local inner = tag.kind == 'local' or tag.kind == 'parameter' or tag.kind == 'member' and tag.typeref
  return not inner or (tag.typeref or ''):find('(*)', 1, true)
end

-- A list that is JSON's list even when it is empty, of what `take` makes of the tags.
local function list_of(tags, take)
  local list = setmetatable({}, { __jsontype = 'array' })
  for _, tag in ipairs(tags) do list[#list + 1] = take(tag) end
  return list
end

local function functions_of(tags, comments)
  return list_of(tags, function(tag)
    local prototype = tag.kind == 'prototype'
    if not prototype and tag.kind ~= 'function' then return nil end
    local above = prototype and comments[tag.line - 1]
    return { name = tag.name, line = tag.line, ['end'] = tag['end'], prototype = prototype,
      about = above and first_sentence(first_paragraph(above)) or nil }
  end)
end

local function fragments_of(path, text)
  local found = source.fragments(text, function(line, message) complain('%s:%d: %s', path, line, message) end)
  return list_of(found, function(fragment)
    fragment.body = nil
    return fragment
  end)
end

local function describe(kind, path, tags)
  local text, language, file = lib.read(path), path:match('%w+$'), path:gsub('^code/', '')
  if not text then return complain('%s: cannot be read', path) end
  local own, skip = {}, {}
  for _, tag in ipairs(tags) do
    if tag.kind == 'header' then skip[tag.line] = true end
    if is_own(tag) then own[tag.name] = true end
  end
  local words, calls, comments = tokens_of(text, language, skip)
  return { file = file, kind = kind, about = about(text, language), functions = functions_of(tags, comments),
    tests = list_of(kind == 'test' and tags or {}, function(tag)
      return tag.kind == 'function' and is_test(tag) and { name = tag.name, line = tag.line } or nil
    end),
    fragments = fragments_of(path, text), own = sorted_keys(own),
    includes = list_of(tags, function(tag)
      return tag.kind == 'header' and tag.roles == 'local' and lib.beside(file, tag.name) or nil
    end),
    words = sorted_values(words), calls = sorted_keys(calls) }
end

-- All ---------------------------------------------------------------------------

local ORDER = { 'file', 'kind', 'about', 'name', 'number', 'line', 'end', 'first', 'last', 'prototype', 'functions',
  'tests', 'fragments', 'own', 'includes', 'words', 'calls' }

local function main()
  if #arg ~= 1 then
    io.stderr:write('usage: lua5.4 weave/code.lua BUILD\n')
    os.exit(2)
  end
  local files, records = listed_in(arg[1] .. '/code.list'), {}
  if mistakes > 0 then os.exit(1) end
  local tags = tags_of(files)
  table.sort(files, function(a, b) return a.path < b.path end)
  for i, file in ipairs(files) do
    records[i] = json.encode(describe(file.kind, file.path, tags[file.path]), { keyorder = ORDER })
  end
  if mistakes > 0 then os.exit(1) end
  lib.write(arg[1] .. '/code.json', '{"files": [\n' .. table.concat(records, ',\n') .. '\n]}\n')
end

main()
