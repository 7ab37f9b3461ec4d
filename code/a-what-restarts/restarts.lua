-- The table of appendix A: lua5.4 code/a-what-restarts/restarts.lua
--
-- Merges restarts-glibc.txt and restarts-musl.txt, which what_restarts printed, and prints Markdown, which weave.lua
-- puts into the appendix. The rows of a group that say the same become one row; where musl differs, the cell says so.
-- Exit status: 0, 1 for errors (`restarts: FILE: message`).

local FOLDER = arg[0]:match("^.*/") or ""
local lib = dofile(FOLDER .. "../../weave/lib.lua")

local function fail(path, format, ...)
  io.stderr:write(("restarts: %s: "):format(path), format:format(...), "\n")
  os.exit(1)
end

local function read_file(path)
  local text = lib.read(path)
  return text or fail(path, "cannot read it")
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

-- The rows of a group that say the same, as one: { calls = { "read", ... }, on = { read = { "pipe", "FIFO" } },
-- answers }.
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
  local out = { ("%d waits, measured on %s with %s. They were measured with %s as well; "
    .. "a cell says where that differs.")
    :format(rows_in(groups), groups.kernel, groups.library, musl.library) }
  for _, group in ipairs(groups) do
    table.insert(out, "")
    table.insert(out, ("| %s | no flag | flag | stopped |"):format((group.title:gsub("^%l", string.upper))))
    table.insert(out, "|---|---|---|---|")
    for _, row in ipairs(fold(group)) do
      table.insert(out, ("| %s | %s |"):format(names_of(row), row.answers))
    end
  end
  return table.concat(out, "\n") .. "\n"
end

local musl = load_table(FOLDER .. "restarts-musl.txt")
local groups = merge(load_table(FOLDER .. "restarts-glibc.txt"), musl, FOLDER .. "restarts-musl.txt")
io.write(markdown(groups, musl))
