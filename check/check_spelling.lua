-- Is every word of the book spelled right? lua5.4 check/check_spelling.lua [-w WORDS] FILE...
--
-- Asks aspell (American English) about the text of Markdown files, without their code and links, and about the comments
-- of the other files. Right are also the words in WORDS (check/words.txt) and the names that some FILE's code has,
-- as a whole and between their _. Prints each unknown word with where it stands first, and each of WORDS that nobody uses. Exit
-- status: 0, 1 if there is such a word, 2 for bad usage or without aspell.

local function stop(...)
  io.stderr:write("check_spelling: ", string.format(...), "\n")
  os.exit(2)
end

local function read_file(path)
  local file = io.open(path, "rb") or stop("cannot read %s", path)
  local text = file:read("a")
  file:close()
  return text
end

-- What aspell does not know in this text, each word once.
local function unknown(text, mode)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  assert(file:write(text) and file:close())
  local pipe = assert(io.popen(("aspell list --lang=en_US --encoding=utf-8 --mode=%s <%s"):format(mode, path)))
  local found = {}
  for word in pipe:lines() do found[word] = true end
  local ok = pipe:close()
  os.remove(path)
  if not ok then stop("aspell failed; `make deps-check-book` installs it") end
  return found
end

local function is_markdown(path) return path:find("%.md$") end

-- The comments of C or Python, and what is left without them and without strings.
local function split(source, path)
  local comments = {}
  local function keep(comment)
    table.insert(comments, comment)
    return " "
  end
  source = source:gsub("\\.", " "):gsub("'[^'\n]'", " ")
  local code = path:find("%.py$") and source:gsub('"""(.-)"""', keep):gsub('"[^"\n]*"', " "):gsub("#([^\n]*)", keep)
    or source:gsub('"[^"\n]*"', function(text) return text:find("//", 1, true) and " " or nil end)
      :gsub("/%*(.-)%*/", keep):gsub("//([^\n]*)", keep):gsub('"[^"\n]*"', " ")
  return table.concat(comments, "\n"), code
end

-- The first line of the texts with this word: "path:line". (A `'` or the like may follow, a letter may not.)
local function place(word, texts)
  for _, text in ipairs(texts) do
    local n, code = 0, false
    for line in (text.whole .. "\n"):gmatch("([^\n]*)\n") do
      n = n + 1
      if is_markdown(text.path) and line:find("^[> ]*```") then code = not code end
      if not code and (" " .. line .. " "):find("%W" .. word:gsub("%p", "%%%0") .. "%W") then
        return ("%s:%d"):format(text.path, n)
      end
    end
  end
  return "?"
end

local words_file = "check/words.txt"
if arg[1] == "-w" then
  words_file = arg[2] or stop("-w needs a file of words")
  table.remove(arg, 1)
  table.remove(arg, 1)
end
if #arg == 0 then stop("usage: lua5.4 check/check_spelling.lua [-w WORDS] FILE...") end

local right, used, names = {}, {}, {}
for line in read_file(words_file):gmatch("[^\n]+") do
  if not line:find("^#") then right[line] = true end
end
local texts, prose, comments = {}, {}, {}
for i, path in ipairs(arg) do
  local whole = read_file(path)
  texts[i] = { path = path, whole = whole }
  if is_markdown(path) then
    table.insert(prose, whole)
  else
    local comment, code = split(whole, path)
    table.insert(comments, comment)
    for name in code:gmatch("[%a_][%w_]*") do
      for part in name:gmatch("%a+") do names[part], names[part:lower()] = true, true end
    end
  end
end

local all = {}
local function look(found)
  for word in pairs(found) do
    local bare = word:gsub("'s$", "")
    local known = right[bare] and bare or right[bare:lower()] and bare:lower()
    if known then
      used[known] = true
    elseif not (names[word] or names[bare] or word:find("%l%u")) then -- ThisIsANameToo
      all[("%s: %s"):format(place(word, texts), word)] = true
    end
  end
end
look(unknown(table.concat(prose, "\n\n"), "markdown"))
look(unknown(table.concat(comments, "\n"), "none"))
local lines = {}
for line in pairs(all) do table.insert(lines, line .. ": not a word that aspell or " .. words_file .. " knows") end
for word in pairs(right) do
  if not used[word] then table.insert(lines, words_file .. ": " .. word .. ": no file has this word") end
end
table.sort(lines)
for _, line in ipairs(lines) do print(line) end
print(("spelling: %d files, %d mistakes"):format(#arg, #lines))
os.exit(#lines == 0)
