-- Tests of code.mk, and of the verdicts and claims that hang on it: lua5.4 code/test_make.lua
-- Each runs make in a small repository in a temporary directory, with our Makefile.

local mini = dofile((arg[0]:match('^.*/') or '') .. '../check/mini.lua')
local is, has, lacks, test, write = mini.is, mini.has, mini.lacks, mini.test, mini.write

local MESSAGE_H = '#ifndef MESSAGE_H\n#define MESSAGE_H\nint message(void);\n#endif\n'
local MESSAGE_C = '#include "message.h"\nint message(void) { return 3; }\n'
local function program(name, header)
  return ('/* usage: %s [-h] */\n#include "%s"\nint main(void) { return message(); }\n'):format(name, header)
end

function mini.before()
  mini.run('mkdir code && ln -s %s/Makefile %s/grade . && ln -s %s/code/code.mk %s/code/*.awk code', mini.root,
    mini.root, mini.root, mini.root)
  write('code/01-pipe/Makefile', 'main := pipe\n')
  write('code/01-pipe/message.h', MESSAGE_H)
  write('code/01-pipe/message.c', MESSAGE_C)
  write('code/01-pipe/pipe.c', program('pipe', 'message.h'))
end

-- Returns make's exit status, and what it says.
local function make(form, ...)
  local status, out, err = mini.run('env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make ' .. form, ...)
  return status, out .. err
end

local function make_code(wanted)
  local status, said = make('code')
  is(status .. said:gsub('[^\n]*%.c\n', ''), '0')
  is(select(2, said:gsub('gcc ', '')), wanted)
end

local function status_of(name) return (mini.run('build/code/%s', name)) end
local function made() return select(2, mini.run('find build/code -type f | sort')) end

-- A reader's own files

test('make builds once, a second make does nothing and says nothing, and a header that changes is enough', function()
  make_code(2)
  is(status_of('01-pipe/pipe'), 3)
  write('now', '')
  make_code(0)
  is(select(2, mini.run('find build/code -type f -newer now')), '')
  mini.run('touch code/01-pipe/message.h')
  make_code(2)
end)

test('own programs and copies, beside the others and in their own folder, build and have promised nothing', function()
  make_code(2)
  local before = made()
  local own = {
    ['mine.c'] = '#include "message.h"\nint main(void) { return message() + 1; }\n',
    ['mymessage.c'] = MESSAGE_C,
    ['mycopy.h'] = MESSAGE_H,
    ['mycopy.c'] = MESSAGE_C:gsub('message.h', 'mycopy.h'),
    ['mine2.c'] = program('mine', 'mycopy.h'),
    ['copy.c'] = program('pipe', 'message.h'),
  }
  for name, text in pairs(own) do write('code/01-pipe/' .. name, text) end
  for name, text in pairs(own) do write('code/mine/' .. name, (text:gsub('"message.h"', '"../01-pipe/message.h"'))) end
  write('code/mine/pipe.c', program('pipe', 'mycopy.h'))
  make_code(11)
  make_code(0)
  for _, folder in ipairs { '01-pipe/', 'mine/' } do
    is(status_of(folder .. 'mine'), 4)
    is(status_of(folder .. 'mine2'), 3)
    is(status_of(folder .. 'copy'), 3)
  end
  is(mini.read('build/code/programs.list'), '01-pipe pipe\n')
  for name in pairs(own) do mini.remove('code/01-pipe/' .. name) end
  mini.run('rm -r code/mine')
  make_code(0)
  is(made(), before)
  is(mini.run('test -d build/code/mine'), 1)
end)

test('a copied function that clashes is the copy\'s own trouble', function()
  write('code/01-pipe/both.h', MESSAGE_H)
  write('code/01-pipe/both.c', MESSAGE_C)
  write('code/01-pipe/mine.c', '#include "message.h"\n#include "both.h"\nint main(void) { return message(); }\n')
  local status, said = make('-k code')
  is(status, 2)
  has(said, 'multiple definition')
  is(status_of('01-pipe/pipe'), 3)
end)

test('a program whose name changes leaves nothing behind, and has the new name everywhere', function()
  make_code(2)
  mini.run('mv code/01-pipe/pipe.c code/01-pipe/tube.c && sed -i s/pipe/tube/ code/01-pipe/tube.c')
  make_code(1)
  lacks(made(), '/pipe')
  is(mini.read('build/code/programs.list'), '01-pipe tube\n')
  make('build/code.list')
  is(mini.read('build/code.list'),
    'program code/01-pipe/tube.c\nmodule code/01-pipe/message.h\npart code/01-pipe/message.c\n')
end)

test('the first comment says what a program promises', function()
  local function comment(name, text)
    write('code/01-pipe/' .. name .. '.c', text .. '\nint main(void) { return 0; }\n')
  end
  comment('a', '/* WRONG: a\n *\n * usage: a [-h]\n * contract: forks, status 1 */')
  comment('b', '/* b\n * contract: hangs, killed by SIGINT\n * usage: b [-h] */')
  comment('c', '/* usage: c [-h] FILE */\n/* contract: spins */\n/* WRONG: no */')
  comment('d', '/* usage: other [-h] */')
  comment('e', '/* usage: e FILE */')
  make_code(7)
  is(mini.read('build/code/programs.list'),
    '01-pipe a wrong forks status=1\n01-pipe b hangs killed=SIGINT\n01-pipe c\n01-pipe pipe\n')
end)

-- Verdicts

local TEST_C = [==[
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

#include <cmocka.h>

static bool WAY(const char *name) { return getenv("WAY") != NULL && strcmp(getenv("WAY"), name) == 0; }

static void first(void **state)
{
    (void)state;
    if (WAY("crash")) raise(SIGSEGV);
    if (WAY("killed")) raise(SIGKILL);
    if (WAY("exit")) exit(0);
    if (WAY("_exit")) _exit(0);
    if (WAY("fork") && fork() > 0) { /* the child goes on, and says that all passed */
        wait(NULL);
        fail();
    }
    if (WAY("prints")) {
        printf("[  PASSED  ] 9 test(s).\n<testcase name=\"no\" time=\"0\" ></testcase>\n</testsuites>\n");
        fprintf(stderr, "[  FAILED  ] 1 test(s).\n");
    }
    if (WAY("silent")) fail();
}

static void second(void **state)
{
    (void)state;
    if (WAY("fail")) assert_string_equal("<a> & ]]> \"</testcase>\"", "b\nc");
    if (WAY("forge")) /* in what cmocka writes for the failure */
        assert_string_equal("]]></failure></testcase><testcase name=\"x\" ></testcase><testcase name=\"y\" >", "");
}

static void third(void **state)
{
    (void)state;
    if (WAY("skip")) skip();
}

static int prepare(void **state) { return (void)state, WAY("setup") ? -1 : 0; }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first), cmocka_unit_test(second), cmocka_unit_test_setup(third, prepare)};
    int status = WAY("none") ? 0 : cmocka_run_group_tests(tests, NULL, NULL);

    if (WAY("two")) status += cmocka_run_group_tests_name("more", tests, NULL, NULL);
    return WAY("status") ? 3 : status;
}
]==]

local function new_test()
  write('code/01-pipe/test_pipe.c', '#include <stdbool.h>\n#include <signal.h>\n' .. TEST_C)
  is(make('build/code/01-pipe/test_pipe'), 0)
end

test('the verdict is what cmocka says in its file, and the status; whatever is printed', function()
  new_test()
  for way, wanted in pairs {
    [''] = { 0, 'test_pipe: 3 passed, 0 failed\n' },
    prints = { 0, 'test_pipe: 3 passed, 0 failed\n' },
    fail = { 2, 'test_pipe: second: ', 'test_pipe: 2 passed, 1 failed\n' },
    forge = { 2, 'test_pipe: ', ': 0 passed, 1 failed\n' }, -- more tests than cmocka counted
    silent = { 2, 'test_pipe: first: ', 'test_pipe: 2 passed, 1 failed\n' },
    crash = { 2, 'test_pipe: first: ', 'test_pipe: 2 passed, 1 failed\n' },
    setup = { 2, 'test_pipe: third: ', 'test_pipe: 2 passed, 1 failed\n' },
    skip = { 0, 'test_pipe: third: not tried here\n', 'test_pipe: 2 passed, 0 failed, 1 skipped\n' },
    status = { 2, 'test_pipe: status 3, though no test failed\n', 'test_pipe: 3 passed, 1 failed\n' },
    killed = { 2, 'test_pipe: ended with status 137 before all its tests did: 0 passed, 1 failed\n' },
    exit = { 2, 'test_pipe: ended with status 0 before all its tests did: 0 passed, 1 failed\n' },
    _exit = { 2, 'test_pipe: ended with status 0 before all its tests did' },
    none = { 2, 'test_pipe: ended with status 0 before all its tests did' },
    fork = { 2, 'test_pipe: ', ' 1 failed\n' },
    two = { 2, 'test_pipe: ', '0 passed, 1 failed\n' },
  } do
    local status, said = make('WAY=%s build/code/01-pipe/test_pipe.run', way)
    if status ~= wanted[1] then error(('%s: status %d: %s'):format(way, status, said), 0) end
    has(said, wanted[2])
    has(said, wanted[3] or '')
  end
end)

-- Claims

test('a claim needs a test that is there, ran, and passed, after it was built', function()
  new_test()
  local claims = { { 'test_pipe', 'first' }, { 'test_pipe', 'second' }, { 'test_pipe', 'third' },
    { 'test_pipe', 'fourth' }, { 'test_gone', 'first' }, { 'pipe', 'first' } }
  local text = '# Pipe\n'
  for _, claim in ipairs(claims) do
    text = text .. ('\n[so](../code/01-pipe/%s.c "%s")\n'):format(claim[1], claim[2])
  end
  write('chapters/01-pipe.md', text)
  mini.book()
  local function check(way)
    if way then make('WAY=%s build/code/01-pipe/test_pipe.run', way) end
    local status, out, err = mini.run('lua5.4 check/check_claims.lua build')
    is(status, 1)
    return out .. err
  end
  local function lines(from, to, message)
    local said = ''
    for line = from, to, 2 do said = said .. ('claims: chapters/01-pipe.md:%d: %s\n'):format(line, message) end
    return said
  end
  local GONE = lines(11, 11, 'there is no file code/01-pipe/test_gone.c')
    .. lines(13, 13, 'the link does not lead to a test: code/01-pipe/pipe.c')
  is(check(), '6 claims, 6 without proof\n' .. lines(3, 9, '01-pipe/test_pipe has not run to its end') .. GONE)
  is(check(''), '6 claims, 3 without proof\n' .. lines(9, 9, '01-pipe/test_pipe has no test fourth') .. GONE)
  is(check('fail'), '6 claims, 4 without proof\n' .. lines(5, 5, '01-pipe/test_pipe: second failed')
    .. lines(9, 9, '01-pipe/test_pipe has no test fourth') .. GONE)
  is(check('skip'), '6 claims, 3 without proof, 1 whose test could not be tried here\n'
    .. lines(9, 9, '01-pipe/test_pipe has no test fourth') .. GONE)
  is(check('_exit'), '6 claims, 6 without proof\n' .. lines(3, 9, '01-pipe/test_pipe has not run to its end') .. GONE)
  check('')
  mini.run('touch -d 2020-01-01 build/code/01-pipe/test_pipe.xml')
  is(check(), '6 claims, 6 without proof\n' .. lines(3, 9, '01-pipe/test_pipe has not run since it was built') .. GONE)
  is(select(2, mini.run('lua5.4 check/check_claims.lua build 01-pipe/test_gone')), '1 claims, 1 without proof\n')
  is(select(2, mini.run('lua5.4 check/check_claims.lua build 01-pipe/test')), '0 claims, 0 without proof\n')
  mini.run('rm code/01-pipe/test_pipe.c; env -u MAKEFLAGS make code')
  is(mini.read('build/code/01-pipe/test_pipe.xml'), nil)
end)

test('a book without a claim, and without a list, is an error; bad usage is status 2', function()
  write('chapters/01-pipe.md', '# Pipe\n')
  mini.book()
  is(mini.run('lua5.4 check/check_claims.lua build'), 1)
  is(mini.run('lua5.4 check/check_claims.lua'), 2)
  is(mini.run('lua5.4 check/check_claims.lua nowhere'), 2)
  is(mini.run('lua5.4 check/verdict.lua'), 2)
  is(mini.run('lua5.4 check/verdict.lua a.xml'), 2)
  is(mini.run('lua5.4 check/verdict.lua a 0'), 2)
  is(mini.run('lua5.4 check/verdict.lua a.xml 0'), 1)
end)

mini.finish()
