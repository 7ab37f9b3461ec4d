-- The model of the book, from those of its files: lua5.4 pandoc/model_book.lua BUILD
--
-- Reads BUILD/model/*.json, which model.lua made of book.md, of the chapters, and of README.md, CONTRIBUTING.md and
-- CHANGELOG.md, and writes
--   BUILD/book.json      all of it, for weaving, pages, search and checks: { title, lang, files, others }, where files
--                        are book.md and the chapters in its order
-- and with --contents, reading only that of book.md,
--   BUILD/contents.json  the title block and the list of chapters, as metadata for pandoc
-- A file that would say the same is not touched. Mistakes between files (a chapter that the list does not have, a
-- heading that it calls otherwise, a link to nowhere) go to stderr as `FILE:LINE: message`; then the exit status is 1.

local lib = dofile((arg[0]:match('^.*/') or '') .. '../weave/lib.lua')
local json = require 'dkjson'

local mistakes = 0
local function complain(file, line, form, ...)
  mistakes = mistakes + 1
  io.stderr:write(('%s:%d: '):format(file, line), form:format(...), '\n')
end

local contents_only = arg[1] == '--contents' and table.remove(arg, 1) ~= nil
local build = arg[1]
if not build or arg[2] then
  io.stderr:write('usage: lua5.4 pandoc/model_book.lua [--contents] BUILD\n')
  os.exit(2)
end

local function load(path)
  local text = lib.read(('%s/model/%s.json'):format(build, path:match('([^/]*)%.md$')))
  return text and json.decode(text)
end

-- '1. A blocking pipe' is the number '1' and the rest.
local function split_number(title)
  local number, rest = title:match('^(%w+)%. (.*)$')
  return number, rest or title
end

-- The list of chapters -------------------------------------------------------------

-- The chapters as book.md lists them: { file, name, number, title, line }.
local function listed_in(front)
  if not front.contents then
    complain(front.file, 1, 'has no list of chapters: items that are links to chapters/...md')
  end
  local chapters, lines = {}, {}
  for _, item in ipairs(front.contents or {}) do
    local name = item.file:match('^chapters/([%w-]+)%.md$')
    local number, title = split_number(item.title)
    if not name then
      complain(front.file, item.line, 'contents: %s is not chapters/some-name.md', item.file)
    elseif not lib.exists(item.file) then
      complain(front.file, item.line, 'contents: there is no file %s', item.file)
    elseif lines[item.file] then
      complain(front.file, item.line, 'contents: %s is already on line %d', item.file, lines[item.file])
    else
      lines[item.file] = item.line
      table.insert(chapters, { file = item.file, name = name, number = number, title = title, listed = item })
    end
  end
  return chapters
end

local function write_contents(front, chapters)
  local list = {}
  for i, chapter in ipairs(chapters) do
    list[i] = { file = chapter.file, name = chapter.name, number = chapter.number, title = chapter.title }
  end
  local section = front.contents and front.sections[front.contents[1].section]
  local made = { booktitle = front.title, subtitle = front.subtitle, lang = front.lang, rights = front.rights,
    description = front.description, contents = list, contents_section = section and section.id }
  lib.write(build .. '/contents.json', lib.json(made))
end

-- A chapter's model, with what the list says of it.
local function load_chapter(front, chapter)
  local model = load(chapter.file)
  local first = model.sections[1]
  if not (first and first.level == 1) then return complain(chapter.file, 1, 'does not begin with a "# " heading') end
  if first.title ~= chapter.listed.title then
    complain(front.file, chapter.listed.line, 'contents: "%s", but %s says "%s"', chapter.listed.title, chapter.file,
      first.title)
  end
  model.name, model.number, model.title, model.id = chapter.name, chapter.number, chapter.title, first.id
  return model
end

-- Chapters that the list forgets.
local function check_folder(chapters)
  local known = {}
  for _, chapter in ipairs(chapters) do known[chapter.file] = true end
  for name in lib.output_of('ls chapters'):gmatch('[^\n]+') do
    local path = 'chapters/' .. name
    if name:find('%.md$') and not known[path] then complain(path, 1, 'is not in the list of chapters in book.md') end
  end
end

-- Links --------------------------------------------------------------------------

local function ids_of(files)
  local ids = {}
  for _, file in ipairs(files) do
    ids[file.file] = {}
    for _, section in ipairs(file.sections) do ids[file.file][section.id] = true end
  end
  return ids
end

local function check_link(ids, file, link)
  local path, fragment = link.target:match('^([^#]*)#?(.*)$')
  if not lib.exists(path) then
    return complain(file.file, link.line, 'link to %s: there is no such file', link.target)
  end
  if fragment ~= '' and ids[path] and not ids[path][fragment] then
    complain(file.file, link.line, 'link to %s: it has no such section', link.target)
  end
end

-- A page of the book can lead to chapters and to code; a page of the repository anywhere.
local function check_links(files, others)
  local ids = ids_of(files)
  for _, file in ipairs(files) do
    for _, link in ipairs(file.links) do
      local path = link.target:match('^[^#]*')
      if ids[path] or path:find('^code/') then
        check_link(ids, file, link)
      else
        complain(file.file, link.line,
          "link to %s: the book has no page for it; link to a chapter of book.md's list, to code/, "
            .. "or to a full address",
          link.target)
      end
    end
  end
  for _, file in ipairs(others) do
    for _, link in ipairs(file.links) do check_link(ids, file, link) end
  end
end

local function main()
  local front = load('book.md')
  local chapters = listed_in(front)
  if contents_only then
    if mistakes == 0 then write_contents(front, chapters) end
    os.exit(mistakes == 0)
  end
  local files, others = { front }, {}
  for _, chapter in ipairs(chapters) do files[#files + 1] = load_chapter(front, chapter) end
  for _, path in ipairs { 'README.md', 'CONTRIBUTING.md', 'CHANGELOG.md' } do table.insert(others, load(path)) end
  check_folder(chapters)
  if mistakes > 0 then os.exit(1) end
  check_links(files, others)
  if mistakes > 0 then os.exit(1) end
  lib.write(build .. '/book.json', lib.json { title = front.title, lang = front.lang, files = files, others = others })
end

main()
