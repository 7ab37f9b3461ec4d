-- The fragments of a source file, for all that weaves, shows or indexes code.
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
      complain(n, ('fragment "%s" is already on line %d: a name is used once in a file'):format(name, fragments[name].line))
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

return M
