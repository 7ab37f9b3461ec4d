-- Tests of weave.lua: lua5.4 weave/test_weave.lua
-- Each builds a small book in a temporary directory, makes its model, runs the weaver on it as a process of its own,
-- and looks at its exit status, its messages and the files. What the model complains of is tested in test_model.lua.

local here = arg[0]:match("^.*/") or ""
local mini = dofile(here .. "../check/mini.lua")
local is, has, lacks, test, write = mini.is, mini.has, mini.lacks, mini.test, mini.write

-- The book that each test starts from: one chapter, woven, with a program and a run.
local PIPE_C = [[
/* usage: pipe [-h] */
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
local FILE, OTHER = "chapters/01-pipe.md", "chapters/02-other.md"
local LINE = select(2, WOVEN:gsub("\n", "")) + 2 -- where the text of `with` begins

local files -- of code/, as make would list them: kind by path

local function code(kind, path, text)
  write("code/" .. path, text)
  files[path] = kind
end

function mini.before()
  files = {}
  code("program", "01-pipe/pipe.c", PIPE_C)
  code("transcript", "01-pipe/pipe.transcript", TRANSCRIPT)
  write("build/code/programs.list", "01-pipe pipe\n")
  write(FILE, WOVEN)
end

-- Runs the weaver, as make does: not without a model. Returns its exit status, standard output and standard error.
local function weave(options)
  local list = {}
  for path, kind in pairs(files) do table.insert(list, ("%s code/%s\n"):format(kind, path)) end
  table.sort(list)
  write("build/code.list", table.concat(list))
  local status, err = mini.model()
  if status ~= 0 then error(err, 0) end
  return mini.run("lua5.4 weave/weave.lua %s build", options or "")
end
local function check() return weave("--check") end

-- Both modes complain of this.
local function fails_with(message)
  local status, out, err = check()
  has(err, message)
  is(status, 1)
  is(out, "")
  status, out = weave()
  is(status .. out, "1")
  return err
end

-- Only the check complains: weaving has nothing to do, or does it.
local function check_fails_with(message)
  local status, out, err = check()
  has(err, message)
  is(status, 1)
  is(out, "")
  is(weave(), 0)
  return err
end

-- Weaving makes `wanted` of this chapter, and nothing of that; the check says so.
local function weaves(text, wanted)
  write(FILE, text)
  local status, _, err = weave()
  is(err, "")
  is(status, 0)
  is(mini.read(FILE), wanted)
  is(select(2, weave()), "")
  lacks(select(3, check()), "is not what code/ has")
end

-- A chapter that has `text` besides what it must show.
local function with(text) write(FILE, WOVEN .. "\n" .. text) end

-- Weaving

test("weaving writes the bodies of listings and sessions", function()
  write(FILE, EMPTY)
  local status, out, err = weave()
  is(err, "")
  is(status, 0)
  is(mini.read(FILE), WOVEN)
  is(out, "weave: 01-pipe.md: 3 blocks refreshed\n")
end)

test("only the blocks that changed are counted, and one is one block", function()
  write(FILE, (WOVEN:gsub("int n = fd", "int n = 9")))
  local _, out = weave()
  is(out, "weave: 01-pipe.md: 1 block refreshed\n")
  is(mini.read(FILE), WOVEN)
end)

test("weaving replaces the file by a rename, leaves nothing beside it, and a second one does nothing", function()
  write(FILE, EMPTY)
  mini.run("ln %s old", FILE)
  weave()
  is(mini.read("old"), EMPTY)
  is(select(2, mini.run("ls -A chapters")), "01-pipe.md\n")
  mini.run("ln %s woven", FILE)
  is(table.concat({ weave() }), "0")
  is(mini.run("test %s -ef woven", FILE), 0)
end)

test("a file that cannot be written is reported and stays as it was", function()
  write(FILE, EMPTY)
  mini.run("mkdir %s.new", FILE) -- where the temporary file would be
  local status, _, err = weave()
  is(status, 1)
  has(err, "chapters/01-pipe.md: cannot write: ")
  is(mini.read(FILE), EMPTY)
end)

test("a file with an error is left untouched, and the others are woven", function()
  local bad = EMPTY .. "\n" .. CHILD:gsub("child", "chill") .. "```\n"
  write(FILE, bad)
  write(OTHER, "# B\n\n" .. CHILD .. "```\n")
  local status, out = weave()
  is(status, 1)
  is(out, "weave: 02-other.md: 1 block refreshed\n")
  is(mini.read(FILE), bad)
  is(mini.read(OTHER), "# B\n\n" .. CHILD .. CHILD_BODY .. "```\n")
end)

test("every chapter that uses a bad source or transcript is left untouched", function()
  write(FILE, EMPTY)
  write(OTHER, EMPTY)
  for path, bad in pairs { ["pipe.c"] = PIPE_C .. "// § The child\nint again;\n", ["pipe.transcript"] = "[5]?\n" } do
    local good = mini.read("code/01-pipe/" .. path)
    write("code/01-pipe/" .. path, bad)
    is(weave(), 1)
    is(mini.read(FILE), EMPTY)
    is(mini.read(OTHER), EMPTY)
    write("code/01-pipe/" .. path, good)
  end
end)

test("directives are dropped from a session, but for the commands typed", function()
  write("code/01-pipe/pipe.transcript", '# c\n$ ./a\n@0.5 $ kill -INT "$!"\n@"a \\"b\\" c" $ echo "x" $ y\n'
    .. '@"child: reading" <Ctrl-C>\n@12 <Ctrl-Z>\n[3] @"no" <directive>\n[4]\n[4.5]  # kept\n')
  weaves("# A\n\n" .. RUN .. "```\n", "# A\n\n" .. RUN
    .. '$ ./a\n$ kill -INT "$!"\n$ echo "x" $ y\n[3] @"no" <directive>\n[4]\n[4.5]  # kept\n```\n')
end)

test("tables: what a file has, or what a program prints, between blank lines", function()
  local page = "# A\n\n<!-- table: 01-pipe/a -->\n%s<!-- end of table -->\n\ntext\n"
  write("code/01-pipe/a.lua", "print('| a |\\n|---|\\n| b |')\n")
  weaves(page:format(""), page:format("\n| a |\n|---|\n| b |\n\n"))
  weaves(page:format("\n| a |\n|---|\n| old |\n\n"), page:format("\n| a |\n|---|\n| b |\n\n"))
  write("code/01-pipe/a.md", "| c |\n|---|\n")
  weaves(page:format(""), page:format("\n| c |\n|---|\n\n"))
end)

-- Markdown

test("blocks in quotes and lists keep what stands before them, also on the line of a list's marker", function()
  local function body(prefix)
    return (CHILD_BODY:gsub("[^\n]*\n", prefix .. "%0"):gsub(" +\n", "\n"))
  end
  local page = table.concat { "# A\n\n",
    "> > ", CHILD, "%1> > ```\n> text\n\n", "> ", CHILD, "%2>```\n", -- the quote mark's blank is kept, and made
    "1.  item\n\n    ", CHILD, "%3    ```\n\n", "- ", CHILD, "%4  ```\n", "- > ", CHILD, "%5  > ```\n",
    "> - a\n>   - ", CHILD, "%6>     ```\n\n", "   ", CHILD, "%7   ```\n" }
  local prefixes = { "> > ", "> ", "    ", "  ", "  > ", ">     ", "   " }
  local function filled(with_body)
    return (page:gsub("%%(%d)", function(n) return with_body(prefixes[tonumber(n)]) end))
  end
  weaves(filled(function(prefix) return prefix .. "old\n" end), filled(body))
  weaves(filled(function() return "" end), filled(body))
  weaves("# A\n\n>" .. CHILD .. ">```\n", "# A\n\n>" .. CHILD .. body("> ") .. ">```\n")
  weaves("# A\n\n1.  item\n\n    " .. CHILD .. "\n  \n    ```\n", "# A\n\n1.  item\n\n    " .. CHILD .. body("    ")
    .. "    ```\n")
end)

test("the order and form of attributes makes no difference", function()
  for _, opening in ipairs { '```c {fragment="The child" file="01-pipe/pipe.c"}\n',
    '``` {.c file=01-pipe/pipe.c fragment="The child"}\n',
    '{fragment="The child"  file="01-pipe/pipe.c"}\n```c\n' } do
    weaves("# A\n\n" .. opening .. "```\n", "# A\n\n" .. opening .. CHILD_BODY .. "```\n")
  end
end)

test("a longer fence may hold a body with fences in it, tildes hold backticks", function()
  local fenced = "/*\n```c\n```\n*/\nint x;\n"
  write("code/01-pipe/pipe.c", "// § Fenced\n" .. fenced)
  local long = '````c {file="01-pipe/pipe.c" fragment="Fenced"}\n'
  local tilde = '~~~c {file="01-pipe/pipe.c" fragment="Fenced"}\n'
  weaves("# A\n\n" .. long .. "```\n````\n" .. tilde .. "```c\n~~~~  \n",
    "# A\n\n" .. long .. fenced .. "````\n" .. tilde .. fenced .. "~~~~  \n")
end)

test("a body that would close its own fence is an error", function()
  write("code/01-pipe/pipe.c", "// § Fenced\n/*\n```\n*/\n")
  write(FILE, '# A\n\n> ```c {file="01-pipe/pipe.c" fragment="Fenced"}\n> ```\n')
  fails_with("weave: chapters/01-pipe.md:3: the body has a line that would close this fence")
end)

test("blocks shown inside a longer fence, and other languages, are left alone", function()
  local text = WOVEN .. "\n````markdown\n" .. CHILD
    .. "old\n```\n```c\n```\n````\n\n```sh\nmake run\n```\n\n```\nplain\n```\n"
  weaves(text, text)
  is(check(), 0)
end)

test("carriage returns stay in a chapter and do not come from a source", function()
  local function crlf(text) return (text:gsub("\n", "\r\n")) end
  write("code/01-pipe/pipe.c", crlf(PIPE_C))
  write("code/01-pipe/pipe.transcript", crlf(TRANSCRIPT))
  write(OTHER, EMPTY)
  weaves(crlf(EMPTY), crlf(WOVEN))
  is(mini.read(OTHER), WOVEN)
end)

test("a missing final newline stays missing, and costs no line", function()
  write("code/01-pipe/pipe.c", (PIPE_C:gsub("\n$", "")))
  write("code/01-pipe/pipe.transcript", (TRANSCRIPT:gsub("\n$", "")))
  weaves((EMPTY:gsub("\n$", "")), (WOVEN:gsub("\n$", "")))
end)

-- What is named

test("what is named and is not there is an error on its line, in both modes", function()
  with(table.concat {
    '```c {file="01-pipe/pip.c" fragment="The child"}\n```\n\n',
    '```c {file="01-pipe/pipe.c" fragment="The Child"}\n```\n\n',
    '```console {run="01-pipe/pip"}\n```\n\n', '<!-- table: 01-pipe/pip -->\n<!-- end of table -->\n\n',
    '- ```c {file="01-pipe" fragment="The child"}\n  ```\n' })
  write("code/01-pipe/bad.lua", "error('no table today')\n")
  local function at(n) return "weave: " .. FILE .. ":" .. LINE + n .. ": " end
  for n, message in pairs { [0] = "no file code/01-pipe/pip.c\n",
    [3] = 'no fragment "The Child" in code/01-pipe/pipe.c, which has "The child", "The parent"\n',
    [6] = "no recorded run code/01-pipe/pip.transcript\n", [9] = "no table code/01-pipe/pip.lua or .md\n",
    [12] = "no file code/01-pipe\n" } do
    fails_with(at(n) .. message)
  end
  with("<!-- table: 01-pipe/bad -->\n<!-- end of table -->\n")
  has(fails_with("weave: code/01-pipe/bad.lua:1: "), "no table today")
end)

test("a bad transcript line is an error, in both modes", function()
  local bad = { "hello", "[x] hello", "[5]hello", "$", "", "@3", "@x <Ctrl-C>", "@3 Ctrl-C", '@"" <Ctrl-C>',
    '@"x <Ctrl-C>' }
  write("code/01-pipe/pipe.transcript", "# c\n" .. table.concat(bad, "\n") .. "\n" .. TRANSCRIPT)
  local err = fails_with("weave: code/01-pipe/pipe.transcript:2: ")
  for i, line in ipairs(bad) do
    has(err,
      ("weave: code/01-pipe/pipe.transcript:%d: expected `# ...`, `$ ...`, `[TICK] ...` or `@WHEN ...`, found: %s\n")
        :format(i + 1, line))
  end
end)

test("a fragment's name used twice in a file is an error, reported once", function()
  write("code/01-pipe/pipe.c", PIPE_C .. "\n// § The child\nint again;\n")
  local err = fails_with('weave: code/01-pipe/pipe.c:16: fragment "The child" is already on line 4')
  is(select(2, err:gsub("\n", "")), 1)
end)

test("a section comment that is nearly right is an error", function()
  local near = { "//§ Next", "// §Next", "  // § Next", "// §" }
  write("code/01-pipe/pipe.c", PIPE_C .. table.concat(near, "\n") .. "\n")
  local err = fails_with("weave: code/01-pipe/pipe.c:15: ")
  for i, line in ipairs(near) do
    has(err, ("weave: code/01-pipe/pipe.c:%d: expected `// § NAME` at column 0, found: %s\n"):format(14 + i, line))
  end
end)

-- Checking

test("a chapter as woven passes, with the coverage line", function()
  local status, out, err = check()
  is(err, "")
  is(status, 0)
  is(out, "weave: 7 of 7 lines shown in 2 listings, 1 recorded run\n")
end)

test("drift is reported with its block and first lines, and the check does not write", function()
  local drifted = WOVEN:gsub("int n = fd", "int n = 9")
  write(FILE, drifted)
  local status, _, err = check()
  is(status, 1)
  is(err, "weave: chapters/01-pipe.md:3: the listing is not what code/ has (`make weave` refreshes it); from line 6:\n"
    .. "    -     int n = 9;\n    +     int n = fd;\n")
  is(mini.read(FILE), drifted)
end)

test("drift is reported for a session, and for lines added or missing, and beside other errors", function()
  write(FILE, (WOVEN:gsub("%[2.5%] ^C\n", ""):gsub("    return n;\n", "    more();\n%0")) .. "\n"
    .. RUN:gsub("pipe/", "pip/") .. "```\n")
  local err = fails_with("no recorded run")
  has(err, "from line 8:\n    -     more();\nweave")
  has(err, "the session is not what code/ has (`make weave` refreshes it); from line 22:\n    + [2.5] ^C\n")
end)

test("carriage returns alone are no drift", function()
  write(FILE, (WOVEN:gsub("\n", "\r\n")))
  is(check(), 0)
end)

test("a fragment shown nowhere is an error, at its first line; another chapter may show it", function()
  write(FILE, "# Pipe\n\n" .. MISSING_NOTHING)
  check_fails_with('weave: code/01-pipe/pipe.c:4: fragment "The child" is shown nowhere\n')
  write(OTHER, "# B\n\n" .. CHILD .. CHILD_BODY .. "```\n")
  local status, out = check()
  is(status, 0)
  has(out, "7 of 7 lines shown in 2 listings")
end)

test("a fragment shown twice is an error, in a file and across files", function()
  with(CHILD .. CHILD_BODY .. "```\n")
  check_fails_with("weave: " .. FILE .. ":" .. LINE
    .. ': fragment "The child" of code/01-pipe/pipe.c is already shown at chapters/01-pipe.md:3\n')
  write(FILE, WOVEN)
  write(OTHER, "# B\n\n> " .. CHILD .. CHILD_BODY:gsub("[^\n]*\n", "> %0"):gsub("> \n", ">\n") .. "> ```\n")
  check_fails_with('weave: chapters/02-other.md:3: fragment "The child" of code/01-pipe/pipe.c is already shown '
    .. 'at chapters/01-pipe.md:3\n')
end)

test("what belongs to the book is shown: all fragments of programs, modules and preloads, and transcripts", function()
  local listings = "# B\n"
  for path, kind in pairs { ["tick.c"] = "part", ["tick.h"] = "module", ["odd_preload.c"] = "preload",
    ["more.c"] = "program" } do
    code(kind, "01-pipe/" .. path, "/* usage: more [-h] */\n// § One\nint a;\n// § Two\nint b;\n")
    listings = listings .. ('\n```c {file="01-pipe/%s" fragment="One"}\nint a;\n```\n'):format(path)
  end
  code("test", "01-pipe/test_pipe.c", "// § Tests\nint main;\n")
  code("transcript", "01-pipe/more.transcript", TRANSCRIPT)
  write("build/code/programs.list", "01-pipe pipe\n01-pipe more wrong\n")
  write(OTHER, listings)
  local err = check_fails_with('weave: code/01-pipe/tick.c:4: fragment "Two" is shown nowhere\n')
  has(err, 'weave: code/01-pipe/tick.h:4: fragment "Two" is shown nowhere\n')
  has(err, 'weave: code/01-pipe/odd_preload.c:4: fragment "Two" is shown nowhere\n')
  has(err, 'weave: code/01-pipe/more.c:4: fragment "Two" is shown nowhere\n')
  has(err, "weave: code/01-pipe/more.transcript:1: recorded but shown nowhere\n")
  is(select(2, err:gsub("\n", "")), 5)
end)

test("a program that promises what all do has a fragment, and one that is shown promises it", function()
  code("program", "01-pipe/quick.c", "int main;\n")
  code("program", "01-pipe/shown.c", "// § Main\nint main;\n")
  write("build/code/programs.list", "01-pipe quick\n01-pipe pipe\n")
  with('```c {file="01-pipe/shown.c" fragment="Main"}\nint main;\n```\n')
  local err = check_fails_with("weave: code/01-pipe/quick.c:1: a program without a fragment")
  has(err, "weave: code/01-pipe/shown.c:1: the first comment has no line `usage: shown [-h]`")
  is(select(2, err:gsub("\n", "")), 2)
end)

test("a reader's own files, and folders without a chapter, may hold what they like", function()
  code("program", "01-pipe/mine.c", "int main;\n")
  code("program", "01-pipe/copy.c", PIPE_C)
  code("transcript", "01-pipe/mine.transcript", TRANSCRIPT)
  code("part", "01-pipe/mymessage.c", "// § One\nint a;\n")
  code("module", "01-pipe/mymessage.h", "// § One\n")
  code("test", "01-pipe/test_mine.c", "int main;\n")
  code("program", "mine/pipe.c", PIPE_C)
  local status, out, err = check()
  is(err, "")
  is(status, 0)
  is(out,
    "weave: 7 of 7 lines shown in 2 listings, 1 recorded run\nweave: 3 files beside them that the book does not show\n")
end)

test("a transcript may be shown twice, and is one run", function()
  with(RUN .. RUN_BODY .. "```\n")
  has(select(2, check()), "2 listings, 1 recorded run\n")
end)

-- Usage

test("bad usage is reported with status 2", function()
  for _, options in ipairs { "", "--check", "--chekc build", "build more", "nowhere" } do
    local status, _, err = mini.run("lua5.4 weave/weave.lua %s", options)
    is(status, 2)
    has(err, "usage: lua5.4 weave/weave.lua [--check] BUILD")
  end
end)

mini.finish()
