-- Tests of figure.lua and trace.lua: lua5.4 weave/test_figure.lua
-- Each builds a small book in a temporary directory, draws its trace with a process of its own, and looks at the exit
-- status, the messages and the picture's parts.

local function output_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  pipe:close()
  return text
end

local here = arg[0]:match("^(.*)/[^/]*$") or "."
local PANDOC = output_of("cd '" .. here .. "' && pwd"):gsub("\n$", "")
local top = output_of("mktemp -d"):gsub("\n$", "")
assert(top:find("^/.+"), "mktemp -d failed")

local TRACE, SVG = "code/01-pipe/x.trace", "chapters/figures/01-x.svg"

local function write(path, text)
  local f = assert(io.open(top .. "/" .. path, "wb"))
  assert(f:write(text))
  assert(f:close())
end

local function read(path)
  local f = io.open(top .. "/" .. path, "rb")
  local text = f and f:read("a")
  if f then f:close() end
  return text
end

local function is(found, wanted)
  if found ~= wanted then error(("found %q, wanted %q"):format(tostring(found), tostring(wanted)), 2) end
end
local function has(text, wanted)
  if not text:find(wanted, 1, true) then error(("no %q in %q"):format(wanted, text:sub(1, 900)), 2) end
end
local function lacks(text, unwanted)
  if text:find(unwanted, 1, true) then error(("%q in %q"):format(unwanted, text:sub(1, 900)), 2) end
end
local function times(text, wanted)
  local n, at = 0, 1
  while true do
    at = text:find(wanted, at, true)
    if not at then return n end
    n, at = n + 1, at + 1
  end
end

-- Run a tool in the book; returns its exit status, standard output and standard error.
local function run(tool, args)
  local _, _, status = os.execute(("cd '%s' && lua5.4 '%s/%s' %s >out 2>err"):format(top, PANDOC, tool, args))
  return status, read("out"), read("err")
end
local function draw(args) return run("figure.lua", args or TRACE) end
local function check(args) return draw("--check -m chapters/01-pipe.md " .. (args or TRACE)) end

local HEAD = "# A comment.\n# TITLE=Two <processes>\n# TICK_MS=100\n# ROLES=parent child\n"
  .. "# LANES=parent kernel child\n# SIGINT=Ctrl-C\n$ ./x\n"
local PIPE = "0.000000 parent pipe2([3, 4], O_CLOEXEC) = 0 <0.000020>\n"
local FORK = "0.000050 parent clone(child_stack=NULL, flags=SIGCHLD) = <child> <0.000300>\n"
local SIGALRM = "--- SIGALRM {si_signo=SIGALRM, si_code=SI_KERNEL} ---\n"

-- The picture of these events, which must be good.
local function picture(events, head)
  write(TRACE, (head or HEAD) .. events)
  local status, _, err = draw()
  is(err, "")
  is(status, 0)
  return read(SVG)
end

-- These events, or this text, must be refused with this message; no picture is left, and no temporary file.
local function refused(message, events, head)
  write(TRACE, (head or HEAD) .. events)
  local status, out, err = draw()
  has(err, message)
  is(status, 1)
  is(out, "")
  is(read(SVG), nil)
  is(output_of("ls " .. top .. "/chapters/figures"), "")
  return err
end

local passed, failed = 0, 0
local function test(name, body)
  os.execute(("rm -rf '%s'/* && mkdir -p '%s/code/01-pipe' '%s/chapters/figures'"):format(top, top, top))
  write("chapters/01-pipe.md", "# 1. A pipe\n\n![A figure.](figures/01-x.svg)\n")
  local ok, message = pcall(body)
  if ok then passed = passed + 1 else failed = failed + 1 end
  print(("%s %s%s"):format(ok and "ok  " or "FAIL", name, ok and "" or ": " .. tostring(message)))
end

-- Pictures

test("a pipe, a fork, bytes in and out, and both ends", function()
  local svg = picture(PIPE .. FORK
    .. '0.001000 child read(3, "fool\\0\\0\\0", 16) = 16 <0.499500>\n'
    .. '0.500400 parent write(4, "fool\\0\\0\\0", 16) = 16 <0.000030>\n'
    .. "0.500900 child +++ exited with 0 +++\n"
    .. "0.501000 parent --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=<child>, si_status=0} ---\n"
    .. "0.501100 parent wait4(<child>, [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = <child> <0.000050>\n"
    .. "0.501300 parent +++ exited with 0 +++\n")
  for _, part in ipairs { ">pipe2() = [3, 4]<", ">fork() = child<", ">read(3, …, 16)<", ">asleep in read, 499.5 ms<",
    ">tick 5<",
    '>= 16 &quot;fool&quot;<', '>write(4, &quot;fool&quot;) = 16<', ">16 bytes<", 'class="held"', ">exited, status 0<",
    ">SIGCHLD<", ">waitpid() = child, exit 0<", 'class="fork-head"', ">parent<", ">kernel<", ">child<" } do
    has(svg, part)
  end
  is(times(svg, 'class="asleep"'), 1)
  is(times(svg, 'class="flow-head"'), 2)
  is(times(svg, 'class="end"'), 2)
  is(times(svg, 'class="gap"'), 1)
end)

test("a picture has a title and tells all in words, and its ids have its name", function()
  local svg = picture(PIPE .. FORK .. '0.001000 child read(3, "ab", 2) = 2 <0.100000>\n0.101500 child +++ exited with '
    .. '3 +++\n')
  has(svg, '<title id="figure-01-x-title">Two &lt;processes&gt;</title>')
  has(svg, 'aria-labelledby="figure-01-x-title" aria-describedby="figure-01-x-desc"')
  has(svg, "0.050 ms: the parent calls fork(), which returns child.\n1.000 ms: the child calls read(3, …, 2) and "
    .. "sleeps.\n"
    .. '101.000 ms: the child wakes from read after 100.000 ms, which returns 2 &quot;ab&quot;: 2 bytes out of the '
      .. 'pipe.\n'
    .. "101.500 ms: the child ends with exit status 3.</desc>")
end)

test("a signal with a handler ends a read with EINTR", function()
  local svg = picture(PIPE .. FORK .. "0.001000 child read(3, ..., 16) = ? ERESTARTSYS (To be restarted) <0.099000>\n"
    .. "0.100100 child " .. SIGALRM .. '0.100200 child write(1, "alarm(14)\\n", 10) = 10 <0.000020>\n'
    .. "0.100300 child rt_sigreturn({mask=[]}) = -1 EINTR (Interrupted system call) <0.000010>\n"
    .. "0.100400 child read(3, ..., 16) = ? ERESTARTSYS (To be restarted) <0.099000>\n0.200000 child " .. SIGALRM)
  for _, part in ipairs { ">= ERESTARTSYS<", ">SIGALRM<", ">timer<", ">its handler runs<", 'class="handler"',
    ">sigreturn, read = −1 EINTR<", ">read(3, …, 16), again<", ">ignored<" } do has(svg, part) end
  has(svg, "returns from the handler; the interrupted read returns -1 EINTR.")
  lacks(svg, "restarted")
end)

test("a call that the kernel restarts is not one that the program makes again", function()
  local svg = picture(PIPE .. FORK .. "0.001000 child read(3, ..., 16) = ? ERESTARTSYS (To be restarted) <0.099000>\n"
    .. "0.100100 child " .. SIGALRM .. "0.100300 child rt_sigreturn({mask=[]}) = 0 <0.000010>\n"
    .. '0.100400 child read(3, "x", 16) = 1 <0.000010>\n')
  has(svg, ">sigreturn, restart read<")
  has(svg, "restarted<")
  lacks(svg, "again<")
end)

test("one key reaches two processes", function()
  local sigint = "--- SIGINT {si_signo=SIGINT, si_code=SI_KERNEL} ---\n"
  local svg = picture(FORK .. "0.001000 child pause() = ? ERESTARTNOHAND (To be restarted) <0.300000>\n"
    .. "0.301100 child " .. sigint .. "0.301200 parent " .. sigint
    .. "0.301300 child +++ killed by SIGINT +++\n0.301400 parent +++ killed by SIGINT +++\n")
  is(times(svg, ">Ctrl-C<"), 1)
  is(times(svg, 'class="key"'), 1)
  is(times(svg, ">SIGINT<"), 2)
  is(times(svg, ">killed by SIGINT<"), 2)
  is(times(svg, ">no handler<"), 2)
  has(svg, "the child gets SIGINT, from Ctrl-C; it has no handler for it.")
end)

test("a stopped process has a dashed lane until it is continued", function()
  local svg = picture(FORK .. "0.001000 child --- SIGTSTP {si_signo=SIGTSTP, si_code=SI_USER} ---\n"
    .. "0.001100 child --- stopped by SIGTSTP ---\n0.600000 child --- SIGCONT {si_signo=SIGCONT, si_code=SI_USER} ---\n"
    .. "0.600100 child +++ exited with 0 +++\n")
  is(times(svg, 'class="stopped"'), 1)
  has(svg, ">stopped by SIGTSTP<")
  has(svg, ">continued<")
  has(svg, "Dashes: stopped.")
  has(svg, "the child is stopped by SIGTSTP.")
end)

test("a call in two parts is joined", function()
  local two = picture(PIPE .. FORK .. "0.001000 child read(3,  <unfinished ...>\n"
    .. '0.100000 parent write(4, "ab", 2) = 2 <0.000010>\n0.100100 child <... read resumed>"ab", 2) = 2 <0.099100>\n'
    .. "0.100300 child +++ exited with 0 +++\n")
  local one = picture(PIPE .. FORK .. '0.001000 child read(3, "ab", 2) = 2 <0.099100>\n'
    .. '0.100000 parent write(4, "ab", 2) = 2 <0.000010>\n0.100300 child +++ exited with 0 +++\n')
  is(two, one)
end)

test("an unfinished call sleeps to the end of the picture", function()
  local svg = picture(PIPE .. FORK .. "0.001000 child read(3,  <unfinished ...>\n0.500000 parent close(3) = 0 "
    .. "<0.000010>\n")
  has(svg, ">asleep in read<")
  is(times(svg, 'class="asleep"'), 1)
  has(svg, "and sleeps until the end of the picture.")
end)

test("a call that its process did not survive ends with it", function()
  local svg = picture(PIPE .. FORK .. "0.001000 child read(3,  <unfinished ...>\n0.500000 child +++ killed by SIGKILL "
    .. "+++\n")
  has(svg, ">asleep in read, 499 ms<")
  has(svg, ">killed by SIGKILL<")
end)

test("equal short reads become one line with their number", function()
  local reads = {}
  for i = 1, 5 do reads[i] = ('0.00%d000 child read(3, "\\0\\0"..., 4096) = 4096 <0.000010>\n'):format(i) end
  local svg = picture(PIPE .. FORK .. '0.000900 parent write(4, "\\0\\0"..., 20480) = 20480 <0.000010>\n'
    .. table.concat(reads))
  has(svg, "5 × read(3, …, 4096) = 4096")
  has(svg, ">20480 bytes<")
  has(svg, "5 times")
end)

test("what was left out is said", function()
  local svg = picture(FORK .. "... 12 events left out\n0.500000 child +++ exited with 0 +++\n")
  has(svg, ">12 more events like these, left out<")
  is(times(svg, 'class="tear"'), 2)
  has(svg, "12 more events are left out here.")
end)

test("a thread is made by pthread_create; a role without a lane shows what it writes", function()
  local svg = picture(PIPE .. "0.001000 main clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = <timer> <0.000100>\n"
    .. "0.001500 timer futex(..., FUTEX_WAIT_BITSET_PRIVATE, 0) = -1 ETIMEDOUT (Connection timed out) <0.099000>\n"
    .. '0.200000 parent writev(4, [{iov_base="\\4", iov_len=1}, {iov_base="fool", iov_len=4}], 2) = 5 <0.000020>\n'
    .. '0.200100 main read(3, "\\4", 1) = 1 <0.000020>\n',
    "# TITLE=t\n# TICK_MS=100\n# ROLES=parent main timer\n# LANES=main kernel timer\n$ ./x\n")
  for _, part in ipairs { ">pthread_create() = timer<", ">asleep in futex, 99 ms<", ">= −1 ETIMEDOUT<", ">parent<",
    ">5 bytes<" } do
    has(svg, part)
  end
  lacks(svg, ">pipe2() = [3, 4]<")
end)

test("nothing reaches over the frame, and labels of one lane have rows of their own", function()
  local svg = picture(PIPE .. FORK .. '0.001000 child write(1, "' .. ("long "):rep(30)
    .. '\\n", 151) = 151 <0.000010>\n'
    .. '0.001100 parent write(1, "' .. ("long "):rep(30) .. '\\n", 151) = 151 <0.000010>\n')
  local width = tonumber(svg:match('width="(%d+)"'))
  local seen = 0
  for attributes, text in svg:gmatch('<text class="call"([^>]*)>([^<]*)</text>') do
    local x, y = tonumber(attributes:match('x="([%d.]+)"')), attributes:match('y="([%d.]+)"')
    local wide = utf8.len((text:gsub("&%w+;", "x"))) * 6.93
    local from = attributes:find("end") and x - wide or x
    if from < 60 or from + wide > width then error(("%s at %s reaches out"):format(text, y), 0) end
    seen = seen + 1
  end
  is(seen, 4)
  has(svg, "…&quot;")
end)

test("a figure is written only when it changes", function()
  local events = PIPE .. FORK
  picture(events)
  local status, out = draw()
  is(status, 0)
  is(out, "")
end)

-- Bad traces

test("a log that ends within a line", function()
  refused(TRACE .. ":9: the last line is cut off", PIPE .. "0.000050 parent close(3) = 0 <0.000300>")
end)
test("a log that ends within a call", function()
  refused(TRACE .. ":9: expected a call, a signal or an ending, found: read(3,",
    PIPE .. '0.000050 parent read(3, "fo\n')
end)
test("a log that ends within a time", function()
  refused(TRACE .. ":9: expected `SECONDS ROLE EVENT`", PIPE .. "0.0000\n")
end)
test("garbage", function() refused(TRACE .. ":8: expected `SECONDS ROLE EVENT`, found: \1\2", "\1\2\255 garbage\n") end)
test("an unknown event", function()
  refused(TRACE .. ":8: expected a call, a signal or an ending, found: *** something ***",
    "0.1 parent *** something ***\n")
end)
test("an unknown call", function()
  refused(TRACE .. ":9: the call splice is not known", PIPE .. "0.1 parent splice(3, 4) = 1 <0.000010>\n")
end)
test("an unknown role", function()
  refused(TRACE .. ':8: "uncle" is none of the roles', "0.1 uncle pause() = 0 <0.000010>\n")
end)
test("a process that goes on after its end", function()
  refused(TRACE .. ":9: parent has ended on line 8", "0.1 parent +++ exited with 0 +++\n0.2 parent close(3) = 0 "
    .. "<0.000010>\n")
end)
test("a time that goes back", function()
  refused(TRACE .. ":9: this event is earlier", "0.2 parent close(3) = 0 <0.1>\n0.1 parent close(4) = 0 <0.1>\n")
end)
test("a resumed call that was not begun", function()
  refused(TRACE .. ":8: read is resumed, but was not begun", '0.1 parent <... read resumed>"a", 1) = 1 <0.1>\n')
end)
test("a resumed call whose end is cut", function()
  refused(TRACE .. ":9: the end of read cannot be read", '0.1 parent read(3, <unfinished ...>\n0.2 parent <... read '
    .. 'resumed>"a"\n')
end)
test("a signal whose source is not told", function()
  refused(TRACE .. ":8: the head does not say where this SIGUSR1 comes from",
    "0.1 parent --- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_KERNEL} ---\n")
end)
test("no events, a mark at the end, an empty file, no file", function()
  refused("no events", "")
  refused("nothing follows what was left out", PIPE .. "... 3 events left out\n")
  refused(TRACE .. ":1: ", "", "")
  os.remove(top .. "/" .. TRACE)
  local status, _, err = draw()
  has(err, TRACE .. ":1: cannot read this file")
  is(status, 1)
end)
test("a head without lanes, or with too many", function()
  refused(TRACE .. ":4: the head needs", PIPE, "# TITLE=t\n# TICK_MS=1\n# ROLES=parent\n")
  refused("at most one lane on each side", PIPE,
    "# TITLE=t\n# TICK_MS=1\n# ROLES=parent a b\n# LANES=kernel parent a\n")
  refused('lane "b" is none of the roles', PIPE, "# TITLE=t\n# TICK_MS=1\n# ROLES=parent\n# LANES=kernel b\n")
end)
test("a bad trace leaves the figure as it was", function()
  local before = picture(PIPE .. FORK)
  write(TRACE, HEAD .. PIPE .. "rubbish\n")
  is(draw(), 1)
  is(read(SVG), before)
end)
test("a figure that cannot be written", function()
  write(TRACE, HEAD .. PIPE)
  local status, _, err = draw("-o nowhere " .. TRACE)
  is(status, 1)
  has(err, "nowhere/01-x.svg: cannot write")
  os.execute(("mkdir '%s/%s'"):format(top, SVG)) -- a folder in its place: the rename fails
  is(draw(), 1)
  is(output_of("ls " .. top .. "/chapters/figures"), "01-x.svg\n")
end)

-- The check

test("all is well: the check counts the figures", function()
  picture(PIPE .. FORK)
  local status, out, err = check()
  is(err, "")
  is(status, 0)
  is(out, "figure: 1 figures, as their traces give them\n")
end)
test("a figure that is not what its trace gives is named, and not touched", function()
  picture(PIPE .. FORK)
  write(SVG, "<svg/>")
  local status, _, err = check()
  is(status, 1)
  has(err, SVG .. ":1: is not what " .. TRACE .. " gives")
  is(read(SVG), "<svg/>")
end)
test("a trace without a figure", function()
  write(TRACE, HEAD .. PIPE)
  local status, _, err = check()
  is(status, 1)
  has(err, SVG .. ":1: is not what")
  is(read(SVG), nil)
end)
test("a figure without a trace", function()
  picture(PIPE .. FORK)
  write("chapters/figures/01-y.svg", "<svg/>")
  local status, _, err = check()
  is(status, 1)
  has(err, "chapters/figures/01-y.svg:1: a figure without a trace")
end)
test("a figure that no chapter shows, and one that a chapter shows and nobody has", function()
  picture(PIPE .. FORK)
  write("chapters/01-pipe.md", "# 1\n\n![Other.](figures/01-z.svg)\n")
  local status, _, err = check()
  is(status, 1)
  has(err, SVG .. ":1: no chapter shows this figure")
  has(err, "chapters/01-pipe.md:3: there is no trace of the figure 01-z.svg")
end)

-- Usage

test("bad usage is reported with status 2", function()
  for _, tool in ipairs { "figure", "trace" } do
    for args, message in pairs { [""] = "no FILE.trace given", ["--chekc x"] = "unknown option --chekc" } do
      local status, _, err = run(tool .. ".lua", args)
      is(status, 2)
      has(err, tool .. ": " .. message .. "\nusage: ")
    end
  end
end)

-- Recording, with a recorder that is told what to find

local function with_log(...)
  os.execute(("mkdir -p '%s/build/code/b-testing-signals'"):format(top))
  local script = { "#!/bin/sh" }
  for i, log in ipairs { ... } do
    write("log" .. i, log)
    table.insert(script, ("cp '%s/log%d' log.%d"):format(top, i, 4100 + i))
  end
  write("build/code/b-testing-signals/record", table.concat(script, "\n") .. "\n")
  os.execute(("chmod +x '%s/build/code/b-testing-signals/record'"):format(top))
end
local KEEP = "# KEEP parent=clone close exited\n# KEEP child=getppid futex( SIGINT\n"
local PARENT_LOG = "100.000000 execve(\"x\", [], 0x7ffe8e4e3258 /* 3 vars */) = 0 <0.001000>\n"
  .. "100.500000 clone(child_stack=NULL, child_tidptr=0x7fadccdcfa10) = 4102 <0.000300>\n"
  .. "100.600000 close(3)              = 0 <0.000010>\n100.700000 +++ exited with 0 +++\n"
local CHILD_LOG = "100.550000 getppid() = 4101 <0.000010>\n"
  .. "100.560000 --- SIGINT {si_signo=SIGINT, si_code=SI_USER, si_pid=4101, si_uid=0} ---\n"

test("a recording has roles, relative times and no addresses", function()
  write(TRACE, HEAD:gsub("%$", KEEP .. "$"))
  with_log(PARENT_LOG, CHILD_LOG)
  local status, out, err = run("trace.lua", TRACE)
  is(err, "")
  is(status, 0)
  is(out, "trace: " .. TRACE .. ": 5 events\n")
  is(read(TRACE), (HEAD:gsub("%$", KEEP .. "$"))
    .. "0.000000 parent clone(child_stack=NULL, child_tidptr=...) = <child> <0.000300>\n"
    .. "0.050000 child  getppid() = ... <0.000010>\n"
    .. "0.060000 child  --- SIGINT {si_signo=SIGINT, si_code=SI_USER, si_pid=<parent>} ---\n"
    .. "0.100000 parent close(3) = 0 <0.000010>\n0.200000 parent +++ exited with 0 +++\n")
end)

test("a recording is compared by role, without times", function()
  write(TRACE, HEAD:gsub("%$", KEEP .. "$"))
  with_log(PARENT_LOG, CHILD_LOG)
  is(run("trace.lua", TRACE), 0)
  local before = read(TRACE)
  with_log(PARENT_LOG:gsub("100%.6", "100.52"):gsub("0.000010", "0.000099"), CHILD_LOG)
  is(run("trace.lua", "--check " .. TRACE), 0)
  with_log(PARENT_LOG:gsub("exited with 0", "exited with 1"), CHILD_LOG)
  local status, _, err = run("trace.lua", "--check " .. TRACE)
  is(status, 1)
  has(err, "event 3 of parent:\n    - +++ exited with 0 +++\n    + +++ exited with 1 +++")
  is(read(TRACE), before)
end)

test("FROM, UNTIL and CUT trim a recording", function()
  write(TRACE, HEAD:gsub("%$", KEEP .. "# FROM child=getppid\n# UNTIL parent=close\n# CUT=0.55 0.7\n$"))
  with_log(PARENT_LOG, CHILD_LOG)
  is(run("trace.lua", TRACE), 0)
  has(read(TRACE), "$ ./x\n0.050000 child  getppid() = ... <0.000010>\n... 1 events left out\n0.100000 parent "
    .. "close(3) = 0 <0.000010>\n")
  lacks(read(TRACE), "exited with")
end)

test("with UNTIL, another role may be one event short, and no more", function()
  write(TRACE, HEAD:gsub("%$", KEEP .. "# UNTIL parent=exited\n$"))
  with_log(PARENT_LOG, CHILD_LOG)
  is(run("trace.lua", TRACE), 0)
  with_log(PARENT_LOG, "100.550000 getppid() = 4101 <0.000010>\n")
  is(run("trace.lua", "--check " .. TRACE), 0)
  with_log(PARENT_LOG, "100.550000 execve(\"y\") = 0 <0.000010>\n")
  is(run("trace.lua", "--check " .. TRACE), 1)
end)

test("what a handler's return puts back is no number to compare", function()
  write(TRACE, HEAD:gsub("%$", "# KEEP child=getppid rt_sigreturn\n$"))
  with_log(PARENT_LOG, CHILD_LOG .. "100.570000 rt_sigreturn({mask=[]}) = 4101 <0.000010>\n")
  is(run("trace.lua", TRACE), 0)
  has(read(TRACE), "rt_sigreturn({mask=[]}) = ... <")
  with_log(PARENT_LOG, "100.560000 read(3) = 7 <0.000010>\n100.570000 rt_sigreturn({mask=[]}) = 7 <0.000010>\n")
  is(run("trace.lua", TRACE), 0)
  has(read(TRACE), "rt_sigreturn({mask=[]}) = 7 <")
end)

test("a session that cannot be recorded leaves the trace as it was", function()
  write(TRACE, HEAD .. PIPE)
  with_log()
  local status, _, err = run("trace.lua", TRACE)
  is(status, 1)
  has(err, "this session could not be recorded")
  is(read(TRACE), HEAD .. PIPE)
end)

os.execute("rm -rf '" .. top .. "'")
print(("test_figure: %d passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and 0 or 1)
