-- check_names.lua finds each kind of old name, and is quiet about what has one: lua5.4 check/test_check_names.lua

local mini = dofile((arg[0]:match('^.*/') or '') .. 'mini.lua')
local is, has, test, write = mini.is, mini.has, mini.test, mini.write
local FILE = 'chapters/01-a-pipe.md'

function mini.before()
  write('code/01-a-pipe/two_as_one.c', '/* two_as_one - calls read_all. */\nint read_all(int fd) { return fd; }\n')
  write('code/01-a-pipe/test_pipe.c', '/* No other_name here: "not_in_a_string". */\nvoid the_end_is_seen(void) { '
    .. 'read_all(0); }\n')
  write('names.txt', '# theirs\nfull-read.h\n')
  write(FILE, '# Pipe\n\n`two_as_one` calls `read_all`, and `read(2)`; see `full-read.h` and `./two_as_one`.\n')
end

local function names()
  is((mini.model()), 0)
  mini.tracked('code/01-a-pipe/two_as_one.c', 'code/01-a-pipe/test_pipe.c', FILE, 'names.txt', 'notes.txt')
  local status, out = mini.run('lua5.4 check/check_names.lua build names.txt')
  return status, out
end

local function finds(...)
  local status, out = names()
  is(status, 1)
  for _, line in ipairs { ... } do has(out, line .. '\n') end
end

test('names of comments are known only where code has them', function()
  finds('code/01-a-pipe/test_pipe.c:1: comment: nothing is called other_name')
end)
test('with all names known there is nothing to say', function()
  write('code/01-a-pipe/test_pipe.c', 'void the_end_is_seen(void) { read_all(0); }\n')
  local status, out = names()
  is(status, 0)
  has(out, ' 0 mistakes\n')
end)
test('a program that has another name now is named where the text has the old one', function()
  mini.remove('code/01-a-pipe/two_as_one.c')
  write('code/01-a-pipe/one_as_two.c', 'int read_all(int fd) { return fd; }\n')
  finds(FILE .. ':3: text: nothing is called two_as_one')
end)
test('a file that is gone is named in the text', function()
  write(FILE, '# Pipe\n\nSee `test_pipes.c`, and `full-read.h`.\n')
  finds(FILE .. ':3: text: nothing is called test_pipes.c')
end)
test('a claim whose test or file has another name now is named', function()
  write(FILE, '# Pipe\n\n[a](../code/01-a-pipe/test_pipe.c "the_end_is_seen")\n\n' ..
    '[b](../code/01-a-pipe/test_pipe.c "an_end_is_seen") [c](../code/01-a-pipe/test_pipes.c "the_end_is_seen")\n')
  finds(FILE .. ':5: claim: no test is called an_end_is_seen',
    FILE .. ':5: claim: there is no file code/01-a-pipe/test_pipes.c')
end)
test('a date in an address is no chapter', function()
  write('code/01-a-pipe/test_pipe.c', 'void the_end_is_seen(void) { read_all(0); }\n')
  write('notes.txt', 'https://example.org/2015-05-05-two-words\n')
  is((names()), 0)
end)
test('a chapter that has another name now is named wherever a path has the old one', function()
  write('notes.txt', 'line\nsee code/02-old-name/x.c\n')
  finds('notes.txt:2: no chapter is called 02-old-name')
end)
test('a name listed as theirs that nothing needs is a mistake', function()
  write('names.txt', 'full-read.h\nleft_over\n')
  finds('names.txt:1: nothing needs left_over')
end)
mini.finish()
