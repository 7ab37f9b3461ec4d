-- A small book in a temporary folder, for the tests of what reads books, and what these tests say of it.
--
--   local mini = dofile('check/mini.lua')
--   mini.test('a name', function() mini.write('chapters/01-a.md', '# A\n'); mini.is((mini.model()), 0) end)
--   mini.finish()

local M = {}

local here = debug.getinfo(1, 'S').source:match('^@(.*/)') or ''
local lib = dofile(here .. '../weave/lib.lua')
local json = require 'dkjson'

local function sh(form, ...)
  local text, ok = lib.output_of(form:format(...))
  if not ok then error(text, 0) end
  return (text:gsub('\n$', ''))
end

local root = sh('cd %s && pwd', lib.quoted(here .. '..'))
M.root = lib.quoted(root) -- for a shell: where we are
local temporary = sh('mktemp -d')
local top = temporary .. "/a reader's book"
local q = lib.quoted

-- What a test says of the world; the message names what was found instead.
function M.is(found, wanted)
  if found ~= wanted then error(('found %s, wanted %s'):format(json.encode(found), json.encode(wanted)), 0) end
end
function M.has(text, wanted)
  if not text:find(wanted, 1, true) then error(('no "%s" in "%s"'):format(wanted, text), 0) end
end
function M.lacks(text, unwanted)
  if text:find(unwanted, 1, true) then error(('"%s" in "%s"'):format(unwanted, text), 0) end
end

local written = {} -- the text of each file of the book

function M.write(path, text)
  local folder = path:match('^(.*)/')
  if folder and not written[folder] then sh('mkdir -p %s', q(top .. '/' .. folder)) end
  if folder then written[folder] = true end
  local file = assert(io.open(top .. '/' .. path, 'wb'))
  assert(file:write(text))
  file:close()
  written[path] = text
end

function M.remove(path)
  os.remove(top .. '/' .. path)
  written[path] = nil
end

function M.read(path) return lib.read(top .. '/' .. path) end

-- Runs a command in the book's folder; returns its exit status, standard output and standard error.
function M.run(form, ...)
  local _, _, status = os.execute(('cd %s && PATH="$PWD/bin:$PATH" && { %s; } >%s 2>%s </dev/null'):format(q(top),
    form:format(...), q(temporary .. '/out'), q(temporary .. '/err')))
  return status, lib.read(temporary .. '/out'), lib.read(temporary .. '/err')
end

-- The files that git has; without any there is no git.
function M.tracked(...)
  local files = {}
  for i, path in ipairs { ... } do files[i] = q(path) end
  M.write('bin/git', #files > 0 and "#!/bin/sh\nprintf '%s\\0' " .. table.concat(files, ' ') .. '\n' or 'exit 128\n')
  sh('chmod +x %s', q(top .. '/bin/git'))
end

local function new_book()
  written = {}
  sh('rm -rf %s && mkdir %s && cd %s && ln -s %s/pandoc %s/weave %s/check .', q(top), q(top), q(top), M.root, M.root,
    M.root)
  M.tracked()
  M.write('build/model/.new', '')
end

-- The pages of the book: first book.md, which lists the chapters in the order of their names, unless there is one.
local function pages()
  local chapters, others, list = {}, {}, {}
  for path in pairs(written) do
    if path:find('%.md$') then table.insert(path:find('^chapters/') and chapters or others, path) end
  end
  table.sort(chapters)
  for i, path in ipairs(chapters) do
    list[i] = ('- [%s](%s)\n'):format(written[path]:match('# ([^\r\n]*)') or 'Untitled', path)
  end
  if not written['book.md'] then
    M.write('book.md', '---\ntitle: Mini\nlang: en\n---\n\n# Mini\n\n' .. table.concat(list))
    table.insert(others, 'book.md')
    written['book.md'] = nil -- the next time it is made anew
  end
  table.sort(others, function(a, b) return a == 'book.md' and b ~= a end)
  return table.move(chapters, 1, #chapters, #others + 1, others)
end

local known = {} -- by path and text: the model of a file, so that pandoc runs once for each

-- Makes build/book.json; returns the exit status and the messages.
function M.model()
  local failed, said = 0, ''
  for _, path in ipairs(pages()) do
    local text, name = M.read(path), path:match('([^/]*)%.md$')
    local made = ('build/model/%s.json'):format(name)
    local key = path .. '\0' .. text
    if known[key] then
      M.write(made, known[key])
    else
      local status, _, err = M.run('pandoc -L pandoc/model.lua -M file=%s -M to=%s', path, made)
      failed, said = math.max(failed, status), said .. err
      known[key] = status == 0 and M.read(made) or nil
    end
  end
  if failed > 0 then return failed, said end
  local status, _, err = M.run('lua5.4 pandoc/model_book.lua build')
  return status, err
end

-- The model, where there must be one.
function M.book()
  local status, err = M.model()
  if status ~= 0 then error(err, 0) end
  return json.decode(M.read('build/book.json'))
end

-- Runs one test in a new book, which `before` fills.
local passed, failed = 0, 0
function M.test(name, run)
  new_book()
  if M.before then M.before() end
  local ok, why = pcall(run)
  print(('%-6s %s'):format(ok and 'ok' or 'FAILED', name))
  if not ok then print('       ' .. tostring(why)) end
  passed, failed = passed + (ok and 1 or 0), failed + (ok and 0 or 1)
end

function M.finish()
  sh('rm -rf %s', q(temporary))
  print(('%s: %d passed, %d failed'):format(arg[0]:match('([^/]*)%.lua$'), passed, failed))
  os.exit(failed == 0)
end

return M
