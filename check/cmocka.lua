-- What cmocka says of a run, in the XML file that CMOCKA_XML_FILE names.

local M = {}

-- The tests of a file, in order: { name, verdict: 'passed', 'failed' or 'skipped', why }. Nil if there is no file, or
-- not a whole one: then the program ended before all its tests did. Nor if there are two groups of tests in it: of a
-- group that is missing nobody knows, and a child that goes on after its test writes all again.
function M.tests(text)
  local groups = select(2, (text or ''):gsub('\n</testsuites>', ''))
  if groups ~= 1 then return nil end
  local tests = {}
  for name, inside in text:gmatch('<testcase name="([^"]*)"[^>]*>(.-)</testcase>') do
    local why = inside:match('<failure><!%[CDATA%[(.-)%]%]></failure>')
    local failed = why or inside:find('<failure', 1, true) or inside:find('<error', 1, true)
    local skipped = inside:find('<skipped', 1, true)
    table.insert(tests, { name = name, verdict = failed and 'failed' or skipped and 'skipped' or 'passed', why = why })
  end
  local announced = 0
  for n in text:gmatch('<testsuite [^>]-tests="(%d+)"') do announced = announced + math.tointeger(n) end
  return announced == #tests and tests or nil
end

return M
