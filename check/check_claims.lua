-- Every claim in the book is proved by a test that ran and passed: lua5.4 check/check_claims.lua BUILD [ONLY]
--
-- A claim is a link with a title to a test's source, [text](../code/NAME/test_x.c "test_name"); BUILD/book.json has
-- them. BUILD/code/NAME/test_x.xml, which that test program left when it ran, must say that test_name passed, and be no
-- older than the program. With ONLY, NN-name or NN-name/test_x, only the claims of those tests are looked at. Prints a
-- count; each error names file and line. Exit status: 0, 1 for a claim without proof or no claim, 2 for bad usage.

local here = arg[0]:match('^.*/') or ''
local lib = dofile(here .. '../weave/lib.lua')
local cmocka = dofile(here .. 'cmocka.lua')
local json = require 'dkjson'

local build, only = arg[1], arg[2]
local book = build and not arg[3] and lib.read(build .. '/book.json')
if not book then
  io.stderr:write('usage: lua5.4 check/check_claims.lua BUILD [ONLY], where make has made BUILD/book.json\n')
  os.exit(2)
end
local runs = {} -- by test program: its verdicts by name, or why there are none

local function load_run(name)
  local program, xml = build .. '/code/' .. name, build .. '/code/' .. name .. '.xml'
  local tests = cmocka.tests(lib.read(xml))
  if not tests then return ('%s has not run to its end'):format(name) end
  local old = lib.output_of(('find %s -newer %s'):format(lib.quoted(program), lib.quoted(xml)))
  if old ~= '' then return ('%s has not run since it was built'):format(name) end
  local verdicts = {}
  for _, test in ipairs(tests) do verdicts[test.name] = test.verdict end
  return verdicts
end

local function is_asked(claim)
  local start = 'code/' .. (only or '')
  return not only or claim.file:sub(1, #start) == start and claim.file:find('^[./]', #start + 1)
end

-- What is wrong with a claim, or nil.
local function fault(claim)
  local name = claim.file:match('^code/(.+/test_[%w_]+)%.c$')
  if not name then return 'the link does not lead to a test: ' .. claim.file end
  if not lib.exists(claim.file) then return 'there is no file ' .. claim.file end
  runs[name] = runs[name] or load_run(name)
  if type(runs[name]) == 'string' then return runs[name] end
  local verdict = runs[name][claim.test]
  if not verdict then return ('%s has no test %s'):format(name, claim.test) end
  if verdict == 'failed' then return ('%s: %s failed'):format(name, claim.test) end
  return nil, verdict == 'skipped'
end

local claims, errors, untried = 0, 0, 0
for _, file in ipairs(json.decode(book).files) do
  for _, claim in ipairs(file.claims) do
    local asked = is_asked(claim)
    claims = claims + (asked and 1 or 0)
    local wrong, skipped
    if asked then wrong, skipped = fault(claim) end
    untried = untried + (skipped and 1 or 0)
    if wrong then
      errors = errors + 1
      io.stderr:write(('claims: %s:%d: %s\n'):format(file.file, claim.line, wrong))
    end
  end
end
print(('%d claims, %d without proof%s'):format(claims, errors,
  untried > 0 and (', %d whose test could not be tried here'):format(untried) or ''))
os.exit(errors == 0 and claims > 0)
