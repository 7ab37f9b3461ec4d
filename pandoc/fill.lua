-- Fill the colors and the words into a file of a format: lua5.4 pandoc/fill.lua CONTENTS.json FILE >MADE
--
-- @{day.accent} is a color of palette.lua, @{words.copy} one of the words of the book's language, and @{booktitle} (any
-- other name) stands in CONTENTS.json. A style sheet and a script also lose their comments and indentation, for a page
-- to weigh less. Exit status 1, and FILE:LINE on stderr, if there is nothing of that name.

local json = require 'dkjson'
local lib = dofile 'weave/lib.lua'

local contents, path = arg[1], arg[2]
if not path or arg[3] then
  io.stderr:write('usage: lua5.4 pandoc/fill.lua CONTENTS.json FILE >MADE\n')
  os.exit(2)
end

local function fail(form, ...)
  io.stderr:write(path, ':', form:format(...), '\n')
  os.exit(1)
end

local function read(name) return lib.read(name) or fail(' cannot read %s', name) end

local values = json.decode(read(contents))
for column, colors in pairs(dofile 'weave/palette.lua') do values[column] = colors end
local wrong
values.words, wrong = dofile('pandoc/words.lua').of(values.lang)
if not values.words then fail(' %s', wrong) end

local function fill(line, name)
  local value = values
  for part in name:gmatch('[^.]+') do value = type(value) == 'table' and value[part] or nil end
  if type(value) ~= 'string' then fail('%d: nothing is called @{%s}', line, name) end
  return value
end

local lines, n = {}, 0
for line in read(path):gmatch('[^\n]*\n') do
  n = n + 1
  lines[n] = line:gsub('@{([%w_.]+)}', function(name) return fill(n, name) end)
end
local text = table.concat(lines)
if path:find('%.css$') then
  text = text:gsub('/%*.-%*/', ''):gsub('%s+', ' '):gsub(' ?([{};,]) ?', '%1'):gsub(': ', ':')
elseif path:find('%.js$') then -- only whole lines: what stands behind code may be part of a string
  text = ('\n' .. text):gsub('\n[ \t]+', '\n'):gsub('\n//[^\n]*', ''):gsub('\n/%*.-%*/', ''):gsub('\n+', '\n')
end
io.write((text:gsub('^%s+', '')))
