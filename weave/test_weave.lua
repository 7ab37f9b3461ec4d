-- Tests of weave.lua: lua5.4 weave/test_weave.lua
-- Each builds a small book in a temporary directory, runs the weaver on it as a
-- process of its own, and looks at its exit status, its messages and the files.

local function output_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  pipe:close()
  return text
end

local here = arg[0]:match("^(.*)/[^/]*$") or "."
local WEAVE = output_of("cd '" .. here .. "' && pwd"):gsub("\n$", "") .. "/weave.lua"
local top = output_of("mktemp -d"):gsub("\n$", "")
assert(top:find("^/.+"), "mktemp -d failed")

local function write(path, text)
  local f = assert(io.open(top .. "/book/" .. path, "wb"))
  assert(f:write(text))
  assert(f:close())
end

local function read(path)
  local f = assert(io.open(top .. "/" .. path, "rb"))
  local text = f:read("a")
  f:close()
  return text
end

local function chapter(name) return read("book/chapters/" .. name) end
local function inode(path) return output_of("stat -c '%i %y' '" .. top .. "/book/" .. path .. "'") end

-- What a test says of the world; the message names what was found instead.
local function is(found, wanted)
  if found ~= wanted then error(("found %q, wanted %q"):format(found, wanted), 0) end
end
local function has(text, wanted)
  if not text:find(wanted, 1, true) then error(("no %q in %q"):format(wanted, text), 0) end
end
local function lacks(text, unwanted)
  if text:find(unwanted, 1, true) then error(("%q in %q"):format(unwanted, text), 0) end
end

-- Run the weaver; returns its exit status, standard output and standard error.
local function weave(args)
  local _, _, status = os.execute(("cd '%s/book' && lua5.4 '%s' %s >../out 2>../err"):format(top, WEAVE, args))
  return status, read("out"), read("err")
end
local function check(args) return weave("--check " .. (args or "chapters/*.md")) end

local function fails_with(args, message)
  local status, out, err = weave(args)
  has(err, message)
  is(status, 1)
  is(out, "")
  return err
end

-- The book that each test starts from: one chapter, woven, with a program and a run.
local PIPE_C = [[
/* head */
#include <stdio.h>

// § The child

static int child(int fd)
{
    int n = fd;

    return n;
}

// § The parent
int main(void) { return child(0); }
]]
local TRANSCRIPT = '# recorded\n$ make run\n[0] child: reading\n@2 <Ctrl-C>\n[2.5] ^C\n'
local CHILD = '```c {file="01-pipe/pipe.c" fragment="The child"}\n'
local CHILD_BODY = 'static int child(int fd)\n{\n    int n = fd;\n\n    return n;\n}\n'
local PARENT = '```c {file="01-pipe/pipe.c" fragment="The parent"}\n'
local PARENT_BODY = 'int main(void) { return child(0); }\n'
local RUN = '```console {run="01-pipe/pipe"}\n'
local RUN_BODY = '$ make run\n[0] child: reading\n[2.5] ^C\n'
local MISSING_NOTHING = PARENT .. PARENT_BODY .. "```\n\n" .. RUN .. RUN_BODY .. "```\n"
local WOVEN = "# Pipe\n\n" .. CHILD .. CHILD_BODY .. "```\n\ntext\n\n" .. MISSING_NOTHING
local EMPTY = "# Pipe\n\n" .. CHILD .. "```\n\ntext\n\n" .. PARENT .. "old\n```\n\n" .. RUN .. "```\n"
local FILE = "chapters/01-pipe.md"

local function new_book()
  os.execute(("rm -rf '%s/book' && mkdir -p '%s/book/chapters' '%s/book/code/01-pipe'"):format(top, top, top))
  write("code/01-pipe/pipe.c", PIPE_C)
  write("code/01-pipe/pipe.transcript", TRANSCRIPT)
  write(FILE, WOVEN)
end

local passed, failed = 0, 0
local function test(name, run)
  new_book()
  local ok, why = pcall(run)
  print(("%-6s %s"):format(ok and "ok" or "FAILED", name))
  if not ok then print("       " .. why) end
  passed, failed = passed + (ok and 1 or 0), failed + (ok and 0 or 1)
end

-- A chapter that has `text` besides what it must show.
local function with(text) write(FILE, WOVEN .. "\n" .. text) end
local LINE = select(2, WOVEN:gsub("\n", "")) + 2 -- where that text begins

-- Weaving

test("weaving writes the bodies of listings and sessions", function()
  write(FILE, EMPTY)
  local status, out, err = weave(FILE)
  is(err, "")
  is(status, 0)
  is(chapter("01-pipe.md"), WOVEN)
  is(out, "weave: 01-pipe.md: 3 blocks refreshed\n")
end)

test("only the blocks that changed are counted, and one is one block", function()
  write(FILE, (WOVEN:gsub("int n = fd", "int n = 9")))
  local _, out = weave(FILE)
  is(out, "weave: 01-pipe.md: 1 block refreshed\n")
  is(chapter("01-pipe.md"), WOVEN)
end)

test("a second weave does not write the file again and says nothing", function()
  write(FILE, EMPTY)
  weave(FILE)
  local before = inode(FILE)
  local status, out, err = weave(FILE)
  is(status .. out .. err, "0")
  is(inode(FILE), before)
end)

test("weaving replaces the file by a rename and leaves nothing beside it", function()
  write(FILE, EMPTY)
  os.execute(("ln '%s/book/%s' '%s/book/old'"):format(top, FILE, top))
  weave(FILE)
  is(read("book/old"), EMPTY)
  is(output_of("ls -A '" .. top .. "/book/chapters'"), "01-pipe.md\n")
end)

test("a file that cannot be written is reported and stays as it was", function()
  write(FILE, EMPTY)
  os.execute(("mkdir '%s/book/%s.weave'"):format(top, FILE)) -- where the temporary file would be
  fails_with(FILE, "weave: chapters/01-pipe.md:1: cannot write: ")
  is(chapter("01-pipe.md"), EMPTY)
end)

test("a file with an error is left untouched, and the others are woven", function()
  local bad = EMPTY .. "\n```c\nint x;\n```\n"
  write(FILE, bad)
  write("chapters/other.md", CHILD .. "```\n")
  local status, out = weave("chapters/*.md")
  is(status, 1)
  is(out, "weave: other.md: 1 block refreshed\n")
  is(chapter("01-pipe.md"), bad)
  is(chapter("other.md"), CHILD .. CHILD_BODY .. "```\n")
end)

test("every chapter that uses a bad source or transcript is left untouched", function()
  for path, text in pairs { ["pipe.c"] = PIPE_C .. "// § The child\nint again;\n", ["pipe.transcript"] = "[5]?\n" } do
    new_book()
    write("code/01-pipe/" .. path, text)
    write(FILE, EMPTY)
    write("chapters/other.md", EMPTY)
    is(weave("chapters/*.md"), 1)
    is(chapter("01-pipe.md"), EMPTY)
    is(chapter("other.md"), EMPTY)
  end
end)

test("directives are dropped from a session, but for the commands typed", function()
  write("code/01-pipe/pipe.transcript", '# c\n$ ./a\n@0.5 $ kill -INT "$!"\n@"a \\"b\\" c" $ echo "x" $ y\n'
    .. '@"child: reading" <Ctrl-C>\n@12 <Ctrl-Z>\n[3] @"no" <directive>\n[4]\n[4.5]  # kept\n')
  write(FILE, RUN .. "```\n")
  is(weave(FILE), 0)
  is(chapter("01-pipe.md"), RUN .. '$ ./a\n$ kill -INT "$!"\n$ echo "x" $ y\n[3] @"no" <directive>\n[4]\n'
    .. '[4.5]  # kept\n```\n')
end)

-- Markdown

test("a block in a quote keeps its prefix, also on blank lines", function()
  write(FILE, "> > " .. CHILD .. "> > old\n> > ```\n> text\n")
  is(weave(FILE), 0)
  is(chapter("01-pipe.md"), "> > " .. CHILD .. "> > static int child(int fd)\n> > {\n> >     int n = fd;\n> >\n"
    .. "> >     return n;\n> > }\n> > ```\n> text\n")
  is(select(2, weave(FILE)), "")
end)

test("a quote mark without a blank gets one in the body, which loses none", function()
  write(FILE, ">" .. CHILD .. ">```\n")
  is(weave(FILE), 0)
  has(chapter("01-pipe.md"), ">     int n = fd;\n>\n>     return n;\n")
end)

test("a block in a list keeps its indentation, and blank lines have none", function()
  write(FILE, "1.  item\n\n    " .. CHILD .. "\n  \n    ```\n")
  is(weave(FILE), 0)
  is(chapter("01-pipe.md"), "1.  item\n\n    " .. CHILD .. "    static int child(int fd)\n    {\n        int n = fd;\n\n"
    .. "        return n;\n    }\n    ```\n")
  is(select(2, weave(FILE)), "")
end)

test("a fence on a list marker's line is an error", function()
  write(FILE, "- " .. CHILD .. "  ```\n")
  fails_with(FILE, "weave: chapters/01-pipe.md:1: a fence stands on a line of its own")
end)

test("a longer fence may hold a body with fences in it, tildes hold backticks", function()
  local fenced = "/*\n```c\n```\n*/\nint x;\n"
  write("code/01-pipe/pipe.c", "// § Fenced\n" .. fenced)
  local long = '````c {file="01-pipe/pipe.c" fragment="Fenced"}\n'
  local tilde = '~~~c {file="01-pipe/pipe.c" fragment="Fenced"}\n'
  write(FILE, long .. "```\n````\n" .. tilde .. "```c\n~~~~  \n")
  local status, _, err = weave(FILE)
  is(err, "")
  is(status, 0)
  is(chapter("01-pipe.md"), long .. fenced .. "````\n" .. tilde .. fenced .. "~~~~  \n")
end)

test("blocks shown inside a longer fence of another language are left alone", function()
  with("````markdown\n" .. CHILD .. "old\n```\n```c\n```\n````\n")
  local status, _, err = check(FILE)
  is(err, "")
  is(status, 0)
end)

test("a body that would close its own fence is an error", function()
  write("code/01-pipe/pipe.c", "// § Fenced\n/*\n```\n*/\n")
  write(FILE, '```c {file="01-pipe/pipe.c" fragment="Fenced"}\n```\n')
  fails_with(FILE, "weave: chapters/01-pipe.md:1: the body has a line that would close this fence")
end)

test("an unclosed fence is an error, at its first line", function()
  local text = "text\n\n" .. CHILD .. "int x;\n``\n~~~\n"
  write(FILE, text)
  fails_with(FILE, "weave: chapters/01-pipe.md:3: this fence is not closed")
  is(chapter("01-pipe.md"), text)
end)

test("a fence that its quote leaves open is an error", function()
  write(FILE, "> " .. CHILD .. "> int x;\n\ntext\n\n```sh\n```\n")
  fails_with(FILE, 'weave: chapters/01-pipe.md:1: this fence is not closed: line 3 does not begin with "> "')
end)

test("carriage returns stay in a chapter and do not come from a source", function()
  write("code/01-pipe/pipe.c", (PIPE_C:gsub("\n", "\r\n")))
  write("code/01-pipe/pipe.transcript", (TRANSCRIPT:gsub("\n", "\r\n")))
  write(FILE, (EMPTY:gsub("\n", "\r\n")))
  write("chapters/other.md", EMPTY)
  is(weave("chapters/*.md"), 0)
  is(chapter("01-pipe.md"), (WOVEN:gsub("\n", "\r\n")))
  is(chapter("other.md"), WOVEN)
  is(select(2, weave("chapters/*.md")), "")
  write(FILE, ((WOVEN .. "\n> ```c {.snippet}\n> int n;\n>\n> return;\n> ```\n"):gsub("\n", "\r\n")))
  has(select(2, check(FILE)), "1 snippet compiled")
end)

test("a missing final newline stays missing, and costs no line", function()
  write("code/01-pipe/pipe.c", (PIPE_C:gsub("\n$", "")))
  write("code/01-pipe/pipe.transcript", (TRANSCRIPT:gsub("\n$", "")))
  write(FILE, (EMPTY:gsub("\n$", "")))
  is(weave(FILE), 0)
  is(chapter("01-pipe.md"), (WOVEN:gsub("\n$", "")))
end)

test("a plain c block is an error, in both modes and in pandoc's other spelling", function()
  for _, opening in ipairs { "```c", "``` c", "~~~C", "```{.c .numberLines}", "```{#a .c}", '```c {file="01-pipe/pipe.c"}',
    '```c {fragment="The child"}', '```c {.snippet file="01-pipe/pipe.c" fragment="The child"}' } do
    with(opening .. "\nint x;\n" .. opening:sub(1, 3) .. "\n")
    local message = "weave: " .. FILE .. ":" .. LINE .. ": a C block must name its fragment or be a .snippet"
    fails_with(FILE, message)
    fails_with("--check " .. FILE, message)
  end
end)

test("a plain console block is an error, in both modes", function()
  with("```console\n$ ls\n```\n")
  local message = "weave: " .. FILE .. ":" .. LINE .. ": a console block must name its recorded run"
  fails_with(FILE, message)
  fails_with("--check " .. FILE, message)
end)

test("another language is left alone, but may not name a source", function()
  with("```sh\nmake run\n```\n\n```\nplain\n```\n\n```c++\nint x;\n```\n")
  is(weave(FILE), 0)
  is(check(FILE), 0)
  with('```cpp {file="01-pipe/pipe.c" fragment="The child"}\n```\n')
  fails_with(FILE, ':' .. LINE .. ': expected a c or console block, found "cpp"')
end)

-- What is named

test("an unknown file is an error, in both modes", function()
  with('```c {file="01-pipe/pip.c" fragment="The child"}\n```\n')
  local message = "weave: " .. FILE .. ":" .. LINE .. ": no file code/01-pipe/pip.c\n"
  fails_with(FILE, message)
  fails_with("--check " .. FILE, message)
end)

test("an unknown fragment is an error that lists the names there are, in both modes", function()
  with('```c {file="01-pipe/pipe.c" fragment="The Child"}\n```\n')
  local message = "weave: " .. FILE .. ":" .. LINE
    .. ': no fragment "The Child" in code/01-pipe/pipe.c, which has "The child", "The parent"\n'
  fails_with(FILE, message)
  fails_with("--check " .. FILE, message)
end)

test("an unknown run is an error, in both modes", function()
  with('```console {run="01-pipe/pip"}\n```\n')
  local message = "weave: " .. FILE .. ":" .. LINE .. ": no recorded run code/01-pipe/pip.transcript\n"
  fails_with(FILE, message)
  fails_with("--check " .. FILE, message)
end)

test("a chapter that does not exist, or is a directory, is an error", function()
  fails_with("nowhere.md", "weave: nowhere.md:1: cannot read this file")
  fails_with("--check chapters", "weave: chapters:1: cannot read this file")
end)

test("a bad transcript line is an error, in both modes", function()
  for _, line in ipairs { "hello", "[x] hello", "[5]hello", "$", "", "@3", "@x <Ctrl-C>", "@3 Ctrl-C", '@"" <Ctrl-C>', '@"x <Ctrl-C>' } do
    write("code/01-pipe/pipe.transcript", "# c\n" .. line .. "\n" .. TRANSCRIPT)
    local message = "weave: code/01-pipe/pipe.transcript:2: expected `# ...`, `$ ...`, `[TICK] ...` or `@WHEN ...`, found: "
      .. line .. "\n"
    fails_with(FILE, message)
    fails_with("--check " .. FILE, message)
  end
end)

test("a fragment's name used twice in a file is an error, reported once", function()
  write("code/01-pipe/pipe.c", PIPE_C .. "\n// § The child\nint again;\n")
  local message = 'weave: code/01-pipe/pipe.c:16: fragment "The child" is already on line 4'
  local err = fails_with(FILE, message)
  is(select(2, err:gsub("\n", "")), 1)
  fails_with("--check " .. FILE, message)
end)

test("a section comment that is nearly right is an error", function()
  for _, line in ipairs { "//§ Next", "// §Next", "  // § Next", "// §" } do
    write("code/01-pipe/pipe.c", PIPE_C .. line .. "\n")
    fails_with(FILE, "weave: code/01-pipe/pipe.c:15: expected `// § NAME` at column 0, found: " .. line .. "\n")
  end
end)

-- Checking

test("a chapter as woven passes, with the coverage line", function()
  with("```c {.snippet}\nint x = 1;\n```\n")
  local status, out, err = check()
  is(err, "")
  is(status, 0)
  is(out, "weave: 7 of 7 lines shown in 2 listings, 1 recorded run, 1 snippet compiled\n")
end)

test("drift is reported with its block and first lines, and the check does not write", function()
  local drifted = WOVEN:gsub("int n = fd", "int n = 9")
  write(FILE, drifted)
  local err = fails_with("--check " .. FILE, "weave: chapters/01-pipe.md:3: the listing is not what code/ has")
  has(err, "from line 6:\n    -     int n = 9;\n    +     int n = fd;\n")
  is(select(2, err:gsub("\n", "")), 3)
  is(chapter("01-pipe.md"), drifted)
end)

test("drift is reported for a session, and for lines added or missing", function()
  write(FILE, (WOVEN:gsub("%[2.5%] ^C\n", ""):gsub("    return n;\n", "    more();\n%0")))
  local err = fails_with("--check " .. FILE, "from line 8:\n    -     more();\nweave")
  has(err, "the session is not what code/ has (`make weave` refreshes it); from line 22:\n    + [2.5] ^C\n")
end)

test("an error elsewhere in the file does not hide drift", function()
  write(FILE, (WOVEN:gsub("int n = fd", "int n = 9")) .. "\n```c\n```\n")
  local err = fails_with("--check " .. FILE, "a C block must")
  has(err, "the listing is not what code/ has")
end)

test("a fragment shown nowhere is an error, at its first line", function()
  write(FILE, "# Pipe\n\n" .. MISSING_NOTHING)
  fails_with("--check " .. FILE, 'weave: code/01-pipe/pipe.c:4: fragment "The child" is shown nowhere\n')
  is(weave(FILE), 0)
end)

test("a fragment may be shown by another chapter", function()
  write(FILE, "# Pipe\n\n" .. MISSING_NOTHING)
  write("chapters/02-more.md", CHILD .. CHILD_BODY .. "```\n")
  local status, out = check()
  is(status, 0)
  has(out, "7 of 7 lines shown in 2 listings")
end)

test("a fragment shown twice in a file is an error", function()
  with(CHILD .. CHILD_BODY .. "```\n")
  fails_with("--check " .. FILE, "weave: " .. FILE .. ":" .. LINE
    .. ': fragment "The child" of code/01-pipe/pipe.c is already shown at chapters/01-pipe.md:3\n')
  is(weave(FILE), 0)
end)

test("a fragment shown twice across files is an error", function()
  write("chapters/02-more.md", "> " .. CHILD .. CHILD_BODY:gsub("[^\n]*\n", "> %0"):gsub("> \n", ">\n") .. "> ```\n")
  fails_with("--check chapters/*.md",
    'weave: chapters/02-more.md:1: fragment "The child" of code/01-pipe/pipe.c is already shown at chapters/01-pipe.md:3\n')
end)

test("a program without a fragment is an error; a module, a header and a test may have none", function()
  write("code/01-pipe/tick.c", "int tick;\n")
  write("code/01-pipe/tick.h", "extern int tick;\n")
  write("code/01-pipe/test_pipe.c", "// § Tests\nint main;\n")
  is(check(), 0)
  write("code/01-pipe/quick.c", "int main;\n")
  fails_with("--check " .. FILE, "weave: code/01-pipe/quick.c:1: a program without a fragment")
  is(weave(FILE), 0)
end)

test("the fragments that a module or a header has must be shown", function()
  write("code/01-pipe/tick.c", "// § Tick\nint tick;\n")
  write("code/01-pipe/tick.h", "// § Use\nextern int tick;\n")
  local err = fails_with("--check " .. FILE, 'code/01-pipe/tick.c:1: fragment "Tick" is shown nowhere')
  has(err, 'code/01-pipe/tick.h:1: fragment "Use" is shown nowhere')
end)

test("a transcript shown nowhere is an error; one shown twice is not, and is one run", function()
  with(RUN .. RUN_BODY .. "```\n")
  has(select(2, check()), "2 listings, 1 recorded run, 0 snippets")
  write("code/01-pipe/loud.transcript", TRANSCRIPT)
  fails_with("--check " .. FILE, "weave: code/01-pipe/loud.transcript:1: recorded but shown nowhere\n")
  is(weave(FILE), 0)
end)

test("a chapter without a folder of code has nothing to show", function()
  write("chapters/preface.md", "# Preface\n")
  is(check("chapters/preface.md"), 0)
end)

test("after an unclosed fence nothing is said to be shown nowhere", function()
  with(CHILD)
  write("code/01-pipe/loud.transcript", TRANSCRIPT)
  lacks(fails_with("--check " .. FILE, "this fence is not closed"), "nowhere")
end)

-- Snippets

test("statements compile as a snippet, unused and returning or not", function()
  with("```c {.snippet}\nint n, unused;\nif (read(0, &n, 1) == -1 && errno == EINTR)\n    return -1;\n```\n\n"
    .. "> ~~~ c {.snippet .numberLines}\n> struct sigaction sa = { 0 };\n> return;\n> ~~~\n\n"
    .. "```c {.snippet}\nint n = 1;\nif (n == 2)\n    n = 3;\nelse if (n)\n    n = 4;\nelse close(n);\nreturn close(n);\n```\n")
  local status, out, err = check()
  is(err, "")
  is(status, 0)
  has(out, "3 snippets compiled")
end)

test("a whole unit compiles as a snippet", function()
  with("```c {.snippet}\nstatic volatile sig_atomic_t got;\n\nstatic void on_alarm(int sig)\n{\n    got = sig;\n}\n```\n\n"
    .. "```c {.snippet}\n#include <math.h>\n\nstatic int\none(void)\n{\n    return 1;\n}\n```\n\n"
    .. "```c {.snippet}\nstatic const char *name_of(int sig);\n```\n")
  local status, _, err = check()
  is(err, "")
  is(status, 0)
end)

test("a snippet that defines _GNU_SOURCE has its functions", function()
  local pipe2 = "int fds[2];\nif (pipe2(fds, O_CLOEXEC) == -1)\n    return -1;\n```\n"
  with("```c {.snippet}\n#define _GNU_SOURCE\n" .. pipe2)
  is(check(), 0)
  with("```c {.snippet}\n" .. pipe2)
  fails_with("--check " .. FILE, "pipe2")
end)

test("a snippet that does not compile is an error, with the chapter's line numbers", function()
  with("text\n\n> ```c {.snippet}\n> int n = 0;\n> n = undeclared;\n> ```\n")
  local err = fails_with("--check " .. FILE, "weave: " .. FILE .. ":" .. LINE + 2 .. ": this snippet does not compile:\n")
  has(err, FILE .. ":" .. LINE + 4 .. ":")
  has(err, "undeclared")
  is(weave(FILE), 0)
end)

test("a whole unit that does not compile is an error, with the chapter's line numbers", function()
  with("```c {.snippet}\nint f(void)\n{\n    return g;\n}\n```\n")
  has(fails_with("--check " .. FILE, FILE .. ":" .. LINE .. ": this snippet"), FILE .. ":" .. LINE + 3 .. ":")
end)

test("a brace left open in a snippet is blamed on its closing fence", function()
  with("```c {.snippet}\nif (1) {\n```\n")
  fails_with("--check " .. FILE, FILE .. ":" .. LINE + 3 .. ":")
end)

test("a snippet with a warning is an error, as --cc says", function()
  with("```c {.snippet}\nunsigned u = 1;\nif (u < -1)\n    return 1;\n```\n")
  fails_with("--check " .. FILE, "sign-compare")
  is(weave("--check --cc 'cc -std=c11 -D_XOPEN_SOURCE=700' " .. FILE), 0)
  fails_with("--check --cc 'false it is' " .. FILE, "this snippet does not compile")
end)

test("a snippet's temporary file is gone after the check", function()
  with("```c {.snippet}\nint n;\n```\n")
  write("cc", 'for file; do :; done; echo "$@" >../said; test -s "$file"\n')
  is(weave("--check --cc 'sh cc -O2' " .. FILE), 0)
  local flags, file = read("said"):match("^(.*) (%S+)\n$")
  is(flags, "-O2 -Wno-unused -fsyntax-only -x c")
  is(io.open(file), nil)
end)

-- Usage

test("bad usage is reported with status 2", function()
  for args, message in pairs { [""] = "no FILE.md given", ["--check"] = "no FILE.md given", ["--chekc x.md"] = "unknown option --chekc",
    ["x.md --cc"] = "--cc needs a compiler" } do
    local status, _, err = weave(args)
    is(status, 2)
    has(err, "weave: " .. message .. "\nusage: ")
  end
end)

os.execute("rm -rf '" .. top .. "'")
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and 0 or 1)
