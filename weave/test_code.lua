-- Tests of code.lua: lua5.4 weave/test_code.lua
-- Each writes a small code/ in a temporary folder, runs code.lua there, and looks at what it says of it.

local json = require 'dkjson'
local here = arg[0]:match('^.*/') or './'
local lib = dofile(here .. 'lib.lua')
local CODE = lib.output_of('realpath ' .. lib.quoted(here .. 'code.lua')):gsub('\n$', '')
local top = lib.output_of('mktemp -d'):gsub('\n$', '')
assert(top:find('^/.+'), 'mktemp -d failed')

local function sh(form, ...) return lib.output_of(('cd %s && ' .. form):format(lib.quoted(top), ...)) end
local function run() return sh('%s %s build', arg[-1], lib.quoted(CODE)) end

local ORDER = { 'name', 'number', 'line', 'end', 'first', 'last', 'prototype', 'about' }
local function is(found, wanted)
  found, wanted = json.encode(found, { keyorder = ORDER }), json.encode(wanted, { keyorder = ORDER })
  if found ~= wanted then error(('found %s, wanted %s'):format(found, wanted), 0) end
end

-- The model of these sources: { [path] = { kind, text } }.
local function model_of(sources)
  sh('rm -rf build code && mkdir -p build code/01-x code/02-y')
  local list = {}
  for path, source in pairs(sources) do
    table.insert(list, source[1] .. ' code/' .. path .. '\n')
    lib.write(top .. '/code/' .. path, source[2])
  end
  lib.write(top .. '/build/code.list', table.concat(list))
  local said, ok = run()
  local text = lib.read(top .. '/build/code.json')
  return text and json.decode(text).files, said, ok
end

local function names(list)
  local out = {}
  for i, entry in ipairs(list) do out[i] = entry.name or entry end
  return table.concat(out, ' ')
end

local PROGRAM = [[
/* x.c - shows
 * something.
 *
 * More. */
#include <poll.h>
#include "../02-y/z.h"
#define LIMIT 3
enum { FIRST, SECOND = 2 };
static int (*hook)(int);

// § The part
static int part(int depth, void (*done)(void)) /* poll( */
{
	int local = LIMIT;
	puts("read(1)");
	return poll(0, 0, local) + poll(0, 0, depth);
}

// § The whole
int main(void) { return part(1, 0); }
]]

local HEADER = [[
/* z.h - helps. */
/* Does it: now. Returns 0.
 *
 * Never. */
int z_do(int a,
         int b);

void z_end(void); // soon
]]

local TESTS = [[
static int setup(void **state) { return 0; }
static void one(void **state) {}
static void
two(void
    **s)
{
}
]]

local tests = {
  { 'a program', function()
    local x = model_of({ ['01-x/x.c'] = { 'program', PROGRAM } })[1]
    is({ x.file, x.kind, x.about }, { '01-x/x.c', 'program', 'shows something.' })
    is(names(x.functions), 'part main')
    is(x.functions[1], { name = 'part', line = 12, ['end'] = 17, prototype = false })
    is(names(x.own), 'FIRST LIMIT SECOND done hook main part')
    is(x.includes, { '02-y/z.h' })
    is(x.fragments[2], { name = 'The whole', number = 2, line = 19, first = 20, last = 20 })
    is({ #x.fragments, #x.tests }, { 2, 0 })
  end },
  { 'words are those of the code, not of comments, strings and included names', function()
    local found = {}
    for _, word in ipairs(model_of({ ['01-x/x.c'] = { 'program', PROGRAM } })[1].words) do found[word[1]] = word end
    is(found.poll, { 'poll', 16, 2 })
    is({ found.read or 'none', found.h or 'none', found.puts and 'there' }, { 'none', 'none', 'there' })
  end },
  { 'calls', function()
    is(names(model_of({ ['01-x/x.c'] = { 'program', PROGRAM } })[1].calls), 'main part poll puts')
  end },
  { 'a header: what it declares, with the first sentence above', function()
    local z = model_of({ ['02-y/z.h'] = { 'module', HEADER } })[1]
    is(z.functions, { { name = 'z_do', line = 5, ['end'] = 6, prototype = true, about = 'Does it: now.' },
      { name = 'z_end', line = 8, ['end'] = 8, prototype = true } })
  end },
  { 'the tests of a test, in whatever form they are written; what prepares them is none', function()
    local files = model_of { ['01-x/test_x.c'] = { 'test', TESTS }, ['01-x/x.c'] = { 'program', TESTS } }
    local program, test = files[2], files[1]
    is({ test.file, test.tests }, { '01-x/test_x.c', { { name = 'one', line = 2 }, { name = 'two', line = 4 } } })
    is(#program.tests, 0)
  end },
  { 'Python', function()
    local text = '"""p - reads.\n\nMore.\n"""\nimport os\n\n\ndef f(x):\n    return os.read(x)\n'
    local p = model_of({ ['01-x/p.py'] = { 'script', text } })[1]
    is({ p.about, names(p.functions), names(p.calls) }, { 'reads.', 'f', 'f read' })
  end },
  { 'a first comment of some lines, and none', function()
    local files = model_of { ['01-x/a.c'] = { 'program', '// a.c - one\n// two.\n\n// Three.\nint a;\n' },
      ['01-x/b.c'] = { 'program', 'int b;\n' } }
    is({ files[1].about, files[2].about }, { 'one two.', '' })
  end },
  { 'a transcript is no source', function()
    is(#model_of { ['01-x/x.c'] = { 'program', 'int x;\n' }, ['01-x/x.transcript'] = { 'transcript', '$ ./x\n' } }, 1)
  end },
  { 'the same again keeps its time', function()
    model_of { ['01-x/x.c'] = { 'program', PROGRAM } }
    local before = sh("stat -c '%%i %%y' build/code.json")
    run()
    is(sh("stat -c '%%i %%y' build/code.json"), before)
  end },
  { 'a fragment that is none is a mistake, with its line', function()
    local files, said, ok = model_of { ['01-x/x.c'] = { 'program', 'int x;\n//§ Near\n' } }
    is({ files or 'none', ok, said:match('^[^ ]+') }, { 'none', false, 'code/01-x/x.c:2:' })
  end },
  { 'a source that is gone is a mistake', function()
    model_of { ['01-x/x.c'] = { 'program', 'int x;\n' }, ['01-x/y.c'] = { 'program', 'int y;\n' } }
    sh('rm code/01-x/y.c')
    local said, ok = run()
    is({ ok, said:find('code/01-x/y.c: cannot be read', 1, true) ~= nil }, { false, true })
  end },
  { 'a line of the list that says nothing is a mistake', function()
    model_of { ['01-x/x.c'] = { 'program', 'int x;\n' } }
    sh('echo x.c >>build/code.list')
    local said, ok = run()
    is({ ok, said:find('expected KIND code/PATH, found: x.c', 1, true) ~= nil }, { false, true })
  end },
}

local passed, failed = 0, 0
for _, test in ipairs(tests) do
  local ok, why = pcall(test[2])
  if ok then passed = passed + 1 else
    failed = failed + 1
    print('FAILED: ' .. test[1] .. '\n  ' .. tostring(why))
  end
end
os.execute('rm -rf ' .. lib.quoted(top))
print(('test_code: %d passed, %d failed'):format(passed, failed))
os.exit(failed == 0)
