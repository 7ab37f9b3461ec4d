-- check_claims.lua: every claim in the book is proved by a test that ran and passed.
--
--   lua5.4 check/check_claims.lua BUILD FILE.md...
--
-- A claim is a link with a title to a test's source, [text](../code/NAME/test_x.c "test_name"). The test's log, which
-- `make check` leaves in BUILD/code/NAME/test_x.log, must say that test_name passed. Prints a count; each error names
-- the file and line. Exit status: 0, 1 for a claim without its proof.

local build = table.remove(arg, 1)
local claims, errors = 0, 0

local function read(path)
  local file = io.open(path)
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return text
end

local function proof(target, test)
  local name = target:match("^%.%./code/(.+/test_[%w_]+)%.c$")
  if not name then return "the link does not lead to a test: " .. target end
  local log = read(build .. "/code/" .. name .. ".log")
  if not log then return "no log of " .. name .. ": has it run?" end
  if not log:find("[       OK ] " .. test .. "\n", 1, true) then
    return "no test '" .. test .. "' ran and passed in " .. name
  end
end

for _, path in ipairs(arg) do
  local line = 0
  for text in assert(read(path), path .. ": cannot be read"):gmatch("[^\n]*\n?") do
    line = line + 1
    for target, test in text:gmatch('%]%((%.%./code/[^)%s]+) "([^"]*)"%)') do
      claims = claims + 1
      local wrong = proof(target, test)
      if wrong then
        errors = errors + 1
        io.stderr:write(("claims: %s:%d: %s\n"):format(path, line, wrong))
      end
    end
  end
end

print(("%d claims, %d without proof"):format(claims, errors))
os.exit(errors == 0 and claims > 0)
