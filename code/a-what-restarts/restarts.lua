-- restarts.lua: put the measured tables into appendix A, or check that they are there.
--
--   lua5.4 code/a-what-restarts/restarts.lua [--check] FILE.md
--
-- Run it from the repository's top. It merges restarts-glibc.txt and restarts-musl.txt, which what_restarts printed,
-- and writes the result between the lines <!-- restarts --> and <!-- end of restarts --> of FILE.md (only if it
-- changes, by a rename). The rows of a group that say the same become one row; where musl differs, the
-- cell says so.
-- With --check it writes nothing, and says which lines are not as they should be. Exit status: 0, 1 for errors
-- (`restarts: FILE: message`), 2 for bad usage.

local FOLDER = "code/a-what-restarts/"
local BEGIN, END = "<!-- restarts -->", "<!-- end of restarts -->"

local function fail(path, format, ...)
  io.stderr:write(("restarts: %s: "):format(path), format:format(...), "\n")
  os.exit(1)
end

local function read_file(path)
  local f, why = io.open(path, "rb")
  local text
  if f then text, why = f:read("a") end
  if not text then fail(path, "cannot read: %s", why) end
  f:close()
  return text
end

-- The table of a file: .kernel, .library, and its groups, each with a .title and its rows. Columns are two blanks or
-- more apart.
local function load_table(path)
  local groups, n, fresh = {}, 0, false
  for line in read_file(path):gmatch("([^\n]*)\n") do
    local name, value = line:match("^(%l+): (.+)$")
    local row = {}
    n = n + 1
    for cell in (line .. "  "):gmatch("(%S.-)%s%s+") do table.insert(row, cell) end
    if n <= 2 then
      if not name then fail(path, "line %d: expected kernel and library, found: %s", n, line) end
      groups[name] = value
    elseif line == "" then
      fresh = true
    elseif #row ~= 4 then
      fail(path, "line %d: expected 4 columns, found: %s", n, line)
    elseif fresh then
      table.insert(groups, { title = row[1] })
      fresh = false
    else
      table.insert(groups[#groups] or fail(path, "line %d: no group yet", n), row)
    end
  end
  if #groups == 0 or not (groups.kernel and groups.library) then fail(path, "no table") end
  return groups
end

-- Both tables as one: cells that differ say what each library does.
local function merge(glibc, musl, path)
  for g, group in ipairs(glibc) do
    for r, row in ipairs(group) do
      local other = musl[g] and musl[g][r]
      if not other or other[1] ~= row[1] then fail(path, "no row '%s' where the other table has it", row[1]) end
      for i = 2, 4 do
        if other[i] ~= row[i] then row[i] = row[i] .. "; musl: " .. other[i] end
      end
    end
    if not musl[g] or #musl[g] ~= #group then fail(path, "group '%s' is another", group.title) end
  end
  return glibc
end

-- The rows of a group that say the same, as one: { calls = { "read", ... }, on = { read = { "pipe", "FIFO" } }, answers }.
local function fold(group)
  local rows, row_of = {}, {}
  for _, row in ipairs(group) do
    local call, on = row[1]:match("^(%S+) %((.+)%)$")
    local answers = table.concat(row, " | ", 2)
    local folded = row_of[answers]
    call = call or row[1]
    if not folded then
      folded = { calls = {}, on = {}, answers = answers }
      row_of[answers] = folded
      table.insert(rows, folded)
    end
    if not folded.on[call] then
      folded.on[call] = {}
      table.insert(folded.calls, call)
    end
    table.insert(folded.on[call], on)
  end
  return rows
end

local function names_of(row)
  local names = {}
  for i, call in ipairs(row.calls) do
    names[i] = "`" .. call .. "`"
    if #row.on[call] > 0 then names[i] = names[i] .. " (" .. table.concat(row.on[call], ", ") .. ")" end
  end
  return table.concat(names, ", ")
end

local function rows_in(groups)
  local n = 0
  for _, group in ipairs(groups) do n = n + #group end
  return n
end

local function markdown(groups, musl)
  local out = { "", ("%d waits, measured on %s with %s. They were measured with %s as well; a cell says where that differs.")
    :format(rows_in(groups), groups.kernel, groups.library, musl.library) }
  for _, group in ipairs(groups) do
    table.insert(out, "")
    table.insert(out, ("| %s | no flag | flag | stopped |"):format((group.title:gsub("^%l", string.upper))))
    table.insert(out, "|---|---|---|---|")
    for _, row in ipairs(fold(group)) do
      table.insert(out, ("| %s | %s |"):format(names_of(row), row.answers))
    end
  end
  table.insert(out, "")
  return table.concat(out, "\n") .. "\n"
end

-- The first line in which two texts differ.
local function first_difference(have, want)
  local at = have:gmatch("([^\n]*)\n")
  for line in want:gmatch("([^\n]*)\n") do
    local found = at()
    if found ~= line then return found or "nothing", line end
  end
  return at() or "nothing", "the end"
end

local function replace_file(path, text)
  local beside = path .. ".restarts"
  local f, why = io.open(beside, "wb")
  local ok = f
  if f then
    ok, why = f:write(text)
    local closed, late = f:close()
    if ok then ok, why = closed, late end
  end
  if ok then ok, why = os.rename(beside, path) end
  if not ok then
    os.remove(beside)
    fail(path, "cannot write: %s", why)
  end
end

local check = arg[1] == "--check" and table.remove(arg, 1) ~= nil
local path = arg[1]
if #arg ~= 1 or path:find("^%-") then
  io.stderr:write("usage: restarts.lua [--check] FILE.md\n")
  os.exit(2)
end

local musl = load_table(FOLDER .. "restarts-musl.txt")
local groups = merge(load_table(FOLDER .. "restarts-glibc.txt"), musl, FOLDER .. "restarts-musl.txt")
local want, text = markdown(groups, musl), read_file(path)
local _, from = text:find(BEGIN .. "\n", 1, true)
local to = from and text:find(END, from, true)
if not to then fail(path, "no lines '%s' and '%s'", BEGIN, END) end

local have = text:sub(from + 1, to - 1)
if have == want then
  print(("restarts: %d rows, as measured"):format(rows_in(groups)))
elseif check then
  local found, expected = first_difference(have, want)
  fail(path, "the table is not what %s*.txt say:\n    - %s\n    + %s", FOLDER, found, expected)
else
  replace_file(path, text:sub(1, from) .. want .. text:sub(to))
  print(("restarts: %s: the table of %d rows is new"):format(path, rows_in(groups)))
end
