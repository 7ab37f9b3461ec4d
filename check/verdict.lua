-- The verdict on a test program: lua5.4 check/verdict.lua FILE.xml STATUS
--
-- Prints what failed and why, what could not be tried on this machine, and last `NAME: N passed, N failed`, with `, N
-- skipped` if there were any. All has passed if the exit status was 0 and no test of the XML file failed.
-- Exit status: 0, 1 if anything failed, 2 for bad usage.

local here = arg[0]:match('^.*/') or ''
local lib = dofile(here .. '../weave/lib.lua')
local cmocka = dofile(here .. 'cmocka.lua')

local name, status = (arg[1] or ''):match('([^/]*)%.xml$'), tonumber(arg[2])
if not (name and status) or arg[3] then
  io.stderr:write('usage: lua5.4 check/verdict.lua FILE.xml STATUS\n')
  os.exit(2)
end

local tests = cmocka.tests(lib.read(arg[1]))
if not tests then
  print(('%s: ended with status %d before all its tests did: 0 passed, 1 failed'):format(name, status))
  os.exit(1)
end
local count = { passed = 0, failed = 0, skipped = 0 }
for _, test in ipairs(tests) do
  count[test.verdict] = count[test.verdict] + 1
  if test.verdict == 'failed' then print(('%s: %s: %s'):format(name, test.name, test.why or 'failed')) end
  if test.verdict == 'skipped' then print(('%s: %s: not tried here'):format(name, test.name)) end
end
local good = count.failed == 0 and status == 0 and count.passed > 0
if not good and count.failed == 0 then
  print(('%s: status %d, though no test failed'):format(name, status))
  count.failed = 1
end
print(('%s: %d passed, %d failed%s'):format(name, count.passed, count.failed,
  count.skipped > 0 and (', %d skipped'):format(count.skipped) or ''))
os.exit(good)
