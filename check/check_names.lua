-- Does every name of a thing of ours name something that there is? lua5.4 check/check_names.lua BUILD [NAMES]
--
-- After a program, a test, a function or a chapter has got another name, this says where its old one still stands: in
-- the text (what is set as code there, and each claim's test: BUILD/book.json), in comments of code, and, for the names
-- of folders, anywhere in the repository. A name is looked at if it looks like one of ours: words_with_underscores,
-- name.c, NN-name. It is known if some code of the repository has it (outside comments and strings), if a file has it,
-- or if NAMES (check/names.txt) lists it as somebody else's; a name listed there that nothing needs is a mistake, too.
-- Each mistake is one line, FILE:LINE: message. Exit status: 0, 1 if there are any, 2 for bad usage.

local here = arg[0]:match('^.*/') or ''
local lib = dofile(here .. '../weave/lib.lua')
local source = dofile(here .. '../weave/source.lua')
local json = require 'dkjson'

local build, names_file = arg[1], arg[2] or 'check/names.txt'
if not build or arg[3] then
  io.stderr:write('usage: lua5.4 check/check_names.lua BUILD [NAMES]\n')
  os.exit(2)
end

local mistakes = 0
local function complain(file, line, form, ...)
  mistakes = mistakes + 1
  print(('%s:%d: '):format(file, line) .. form:format(...))
end

-- What there is --------------------------------------------------------------------

-- All text files of the repository, without what is made or belongs to others.
local function files()
  local listed, ok = lib.output_of('git ls-files -z --cached --others --exclude-standard')
  if not ok then listed = lib.output_of("find . -name build -prune -o -name .git -prune -o -type f -printf '%P\\0'") end
  local found = {}
  for path in listed:gmatch('([^%z]+)%z') do
    if lib.exists(path) and not path:find('package%-lock%.json$') then table.insert(found, path) end
  end
  return found
end

local LANGUAGE = { c = 'c', h = 'c', py = 'python' }
local function language_of(path) return LANGUAGE[path:match('%.(%w+)$')] end

local known, folders = {}, {}

local function learn_words(text)
  for word in text:gmatch('[%a_][%w_]*') do known[word] = true end
end

local function learn(path, text)
  for part in path:gmatch('[^/]+') do
    known[part] = true
    known[part:match('^(.-)%.')  or part] = true
  end
  local language = language_of(path)
  if path:find('/test_[%w_]+%.lua$') then return end -- they have names of their own
  if not (language or path:find('%.lua$') or path:find('%.m?js$') or path:find('%.mk$') or path:find('%.sh$')) then
    return
  end
  if not language then return learn_words(text) end
  for class, first, last in source.tokens(text, language) do
    if class ~= 'co' and class ~= 'st' then learn_words(text:sub(first, last)) end
  end
end

-- What others call it ---------------------------------------------------------------

local theirs, needed = {}, {}
for line in (lib.read(names_file) or ''):gmatch('[^\n]+') do
  local name = line:match('^([^%s#]+)')
  if name then theirs[name] = true end
end

local function is_known(name)
  needed[name] = theirs[name] -- even if a reader has given a file of his own this name: mine.c
  return theirs[name] or known[name] or known[name:match('[^/]*$')]
end

-- Where names stand -----------------------------------------------------------------

local FILE_NAME = { c = true, h = true, py = true, lua = true, mjs = true, transcript = true, trace = true,
  list = true }

local function looks_like_ours(word)
  return word:find('^[%l][%w]*_[%w_]*%w$') or FILE_NAME[word:match('^[%w_/-]+%.(%a+)$')]
end

local function check_words(text, file, line, what)
  for word in text:gmatch('[%w_./-]+') do
    word = word:gsub('^[./]+', ''):gsub('[./]+$', '')
    local is_pattern = word:find('%u%u') -- NAME.c stands for any
    if looks_like_ours(word) and not is_pattern and not is_known(word) then
      complain(file, line, '%s: nothing is called %s', what, word)
    end
  end
end

local function check_prose(set)
  for _, file in ipairs(set) do
    for _, paragraph in ipairs(file.paragraphs) do
      for _, code in ipairs(paragraph.codes) do check_words(code, file.file, paragraph.line, 'text') end
    end
  end
end

-- Is there such a test? Its name may be made of strings by a macro. (That it has passed check_claims.lua says.)
local function is_test(name, text)
  for part in text:gmatch('"(%l+_[%w_]+)"') do
    if name:find(part, 1, true) then return true end
  end
  return known[name]
end

local function check_claims(set)
  for _, file in ipairs(set) do
    for _, claim in ipairs(file.claims) do
      local text = lib.read(claim.file)
      if not text then
        complain(file.file, claim.line, 'claim: there is no file %s', claim.file)
      elseif not is_test(claim.test, text) then
        complain(file.file, claim.line, 'claim: no test is called %s', claim.test)
      end
    end
  end
end

local function check_comments(path, text)
  local language = language_of(path)
  if not language then return end
  local line, done = 1, 1
  for class, first, last in source.tokens(text, language) do
    if class == 'co' then
      line = line + select(2, text:sub(done, first - 1):gsub('\n', ''))
      local at = line
      for part in (text:sub(first, last) .. '\n'):gmatch('([^\n]*)\n') do
        check_words(part, path, at, 'comment')
        at = at + 1
      end
      line, done = at - 1, last + 1
    end
  end
end

-- NN-name is a chapter's folder: 02-broken-by-sigalrm, a-what-restarts.
local function check_folders(path, text)
  local n = 0
  if path:find('/test_[%w_]+%.lua$') then return end -- they have chapters of their own
  for line in text:gmatch('([^\n]*)\n') do
    n = n + 1
    for name in line:gmatch('%f[%w-](%w%w?%-%l[%l%d]*%-[%l%d-]+)') do
      if (name:find('^%d%d%-') or line:find('/' .. name, 1, true)) and not folders[name] and not is_known(name) then
        complain(path, n, 'no chapter is called %s', name)
      end
    end
  end
end

local texts = {}
for _, path in ipairs(files()) do
  local text = lib.read(path)
  if text and not text:find('\0', 1, true) then texts[path] = text end
  local name = path:match('^code/([^/]+)/') or path:match('^chapters/([^/]+)%.md$') or path:match('^grade/([^/]+)/')
  if name then folders[name] = true end
end
for path, text in pairs(texts) do learn(path, text) end

local book = json.decode(assert(lib.read(build .. '/book.json')))
check_prose(book.files)
check_prose(book.others)
check_claims(book.files)
local paths = {}
for path in pairs(texts) do table.insert(paths, path) end
table.sort(paths)
for _, path in ipairs(paths) do
  check_comments(path, texts[path])
  check_folders(path, texts[path])
end
for name in pairs(theirs) do
  if not needed[name] then complain(names_file, 1, 'nothing needs %s', name) end
end
print(('names: %d files, %d mistakes'):format(#paths, mistakes))
os.exit(mistakes == 0)
