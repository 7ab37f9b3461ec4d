-- Is every word of the book spelled right? lua5.4 check/check_spelling.lua [-w WORDS] BUILD SOURCE...
--
-- Asks aspell (American English) about the text of the book and of README and the like (BUILD/book.json), without what
-- is set as code there, and about the comments of each SOURCE. Right are also the words in WORDS (check/words.txt) and
-- the names that some SOURCE's code has, as a whole and between their _. Prints each unknown word with where it stands
-- first, and each of WORDS that nobody uses. Exit status: 0, 1 if there is such a word, 2 for bad usage or without
-- aspell.

local here = arg[0]:match('^.*/') or ''
local lib = dofile(here .. '../weave/lib.lua')
local source = dofile(here .. '../weave/source.lua')
local json = require 'dkjson'

local function stop(...)
  io.stderr:write('check_spelling: ', string.format(...), '\n')
  os.exit(2)
end

local function read(path) return lib.read(path) or stop('cannot read %s', path) end

-- What aspell does not know in these texts, each word once.
local function unknown(texts)
  local words = {}
  for i, text in ipairs(texts) do words[i] = text.text end
  local path = os.tmpname()
  lib.write(path, table.concat(words, '\n\n'))
  local said, ok = lib.output_of('aspell list --lang=en_US --encoding=utf-8 --mode=none <' .. path)
  os.remove(path)
  if not ok then stop('aspell failed; `make deps-check-book` installs it: %s', said) end
  local found = {}
  for word in said:gmatch('[^\n]+') do found[word] = true end
  return found
end

-- A pattern for this word or these words, where no letter is before or behind.
local function whole(words)
  return (words:find('^%w') and '%f[%w\128-\255]' or '') .. words:gsub('%p', '%%%0') ..
    (words:find('%w$') and '%f[^%w\128-\255]' or '')
end

-- The text without names of files, and without what is set as code in it, which comes in the same order.
local function without_codes(text, codes)
  local at = 1
  for _, code in ipairs(codes) do
    local first, last = text:find(whole(code), at)
    if first then text, at = text:sub(1, first - 1) .. ' ' .. text:sub(last + 1), first end
  end
  return (text:gsub('[%w_-]+%.%l+', ' '):gsub('’', "'"))
end

local texts, names = {}, {} -- { path, line, text }; what code calls something

local function add_prose(file)
  for _, p in ipairs(file.paragraphs) do
    table.insert(texts, { path = file.file, line = p.line, text = without_codes(p.text, p.codes) })
  end
  for _, figure in ipairs(file.figures) do
    table.insert(texts, { path = file.file, line = figure.line, text = without_codes(figure.caption, {}) })
  end
end

-- In Python a text between three quotes is a comment, too.
local function is_comment(class, token) return class == 'co' or class == 'st' and token:find('^"""') end

local function add_source(path)
  local text = read(path)
  local line, at = 1, 1
  for class, first, last in source.tokens(text, path:match('%.(%w+)$')) or stop('%s: no comments are known of', path) do
    local token = text:sub(first, last)
    line = line + select(2, text:sub(at, first - 1):gsub('\n', ''))
    at = first
    if is_comment(class, token) then
      table.insert(texts, { path = path, line = line, text = token:gsub('\\%a', '  ') }) -- no "\nword"
    elseif class ~= 'st' then
      for name in token:gmatch('[%a_][%w_]*') do
        for part in name:gmatch('%a+') do names[part], names[part:lower()] = true, true end
      end
    end
  end
end

-- Where the word stands first. (A `'` or the like may follow, a letter may not.)
local function place(word)
  for _, text in ipairs(texts) do
    local at = text.text:find(whole(word))
    if at then return ('%s:%d'):format(text.path, text.line + select(2, text.text:sub(1, at):gsub('\n', ''))) end
  end
  return '?'
end

local words_file = 'check/words.txt'
if arg[1] == '-w' then
  words_file = arg[2] or stop('-w needs a file of words')
  table.remove(arg, 1)
  table.remove(arg, 1)
end
local build = table.remove(arg, 1) or stop('usage: lua5.4 check/check_spelling.lua [-w WORDS] BUILD SOURCE...')

local book = json.decode(read(build .. '/book.json'))
for _, part in ipairs { book.files, book.others } do
  for _, file in ipairs(part) do add_prose(file) end
end
for _, path in ipairs(arg) do add_source(path) end

local right, used, mistakes = {}, {}, {}
for line in read(words_file):gmatch('[^\n]+') do
  if not line:find('^#') then right[line] = true end
end
for word in pairs(unknown(texts)) do
  local bare = word:gsub("'s$", '')
  local is_right = right[bare] and bare or right[bare:lower()] and bare:lower()
  if is_right then
    used[is_right] = true
  elseif not (names[word] or names[bare] or word:find('%l%u')) then -- ThisIsANameToo
    table.insert(mistakes, ('%s: %s: not a word that aspell or %s knows'):format(place(word), word, words_file))
  end
end
for word in pairs(right) do
  if not used[word] then table.insert(mistakes, ('%s: %s: no file has this word'):format(words_file, word)) end
end
table.sort(mistakes)
for _, line in ipairs(mistakes) do print(line) end
print(('spelling: %d files, %d mistakes'):format(#book.files + #book.others + #arg, #mistakes))
os.exit(#mistakes == 0)
