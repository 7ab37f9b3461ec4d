-- The words of a language, from pandoc/words/: for the filter, for model.lua, and for fill.lua.
local M = {}

local function open(lang)
  while lang do
    local path = 'pandoc/words/' .. lang .. '.lua'
    local file = io.open(path)
    if file then
      file:close()
      return path
    end
    lang = lang:match('^(.*)%-')
  end
end

-- Returns the words of this language ('en-US' has those of 'en'), or nil and what is wrong.
function M.of(lang)
  local path = open(lang)
  if path then return dofile(path) end
  return nil, ('no words for the language "%s": write pandoc/words/%s.lua, as en.lua is'):format(lang, lang)
end

-- How many letters are to be changed, added or taken away to make b of a.
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local corner = row[0]
    row[0] = i
    for j = 1, #b do
      local above = row[j]
      row[j] = math.min(above + 1, row[j - 1] + 1, corner + (a:byte(i) == b:byte(j) and 0 or 1))
      corner = above
    end
  end
  return row[#b]
end

-- The kind of box that this label (without its full stop) begins; or nil, and the label that is nearest.
function M.box(words, label)
  if words.boxes[label] then return words.boxes[label] end
  local nearest, least
  for known in pairs(words.boxes) do
    local steps = distance(label:lower(), known:lower())
    if not least or steps < least or steps == least and known < nearest then nearest, least = known, steps end
  end
  return nil, nearest
end

return M
