-- What the Lua tools of this repository share.

local M = {}

-- A file's text, or nil: opening a folder works, reading it does not.
function M.read(path)
  local file = io.open(path, 'rb')
  local text = file and file:read('a')
  if file then file:close() end
  return text
end

-- Is there a file or a folder?
function M.exists(path)
  local file = io.open(path)
  return file ~= nil and file:close()
end

-- Writes beside the file and renames, so that no reader and no crash meets half of it. A file that says the same
-- already is left alone, with its time. Returns true if it was written; ends the program if it cannot be.
function M.write(path, text)
  if M.read(path) == text then return false end
  local beside = path .. '.new'
  local file, why = io.open(beside, 'wb')
  local ok = file and file:write(text)
  if file then
    local closed, late = file:close() -- a full disk may show only here
    ok, why = ok and closed, why or late
  end
  if ok then ok, why = os.rename(beside, path) end
  if ok then return true end
  os.remove(beside)
  io.stderr:write(path, ': cannot write: ', tostring(why), '\n')
  os.exit(1)
end

-- As one word for the shell.
function M.quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- What a shell command prints on stdout and stderr, and whether it succeeded.
function M.output_of(command)
  local pipe = assert(io.popen(command .. ' 2>&1'))
  local text = pipe:read('a')
  return text, pipe:close() == true
end

-- `path` as the file `from` names it, seen from where `from` is seen: 'chapters/x.md', '../code/y' is 'code/y'.
function M.beside(from, path)
  local parts = {}
  for part in ((from:match('^.*/') or '') .. path):gmatch('[^/]+') do
    if part == '..' and #parts > 0 then table.remove(parts) elseif part ~= '.' then table.insert(parts, part) end
  end
  return table.concat(parts, '/')
end

-- As JSON, the keys in the order of the alphabet, so that the same is written the same.
function M.json(value)
  local order, seen = {}, {}
  local function gather(part)
    for key, inside in pairs(part) do
      if type(key) == 'string' and not seen[key] then
        seen[key] = true
        order[#order + 1] = key
      end
      if type(inside) == 'table' then gather(inside) end
    end
  end
  gather(value)
  table.sort(order)
  return require('dkjson').encode(value, { indent = true, keyorder = order }) .. '\n'
end

return M
