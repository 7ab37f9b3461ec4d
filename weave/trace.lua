-- trace.lua: record what programs ask the kernel, with strace, for the book's figures.
--
--   lua5.4 weave/trace.lua [--check] [-b BUILD] code/NN-name/x.trace...
--
-- Run it from the repository's top; BUILD (build) has the programs and the recorder. Without --check it records each
-- FILE anew (by a rename; a FILE with an error is not touched). With --check it records and writes nothing: the same
-- roles must make the same calls, with the same results and signals in the same order within each role; no time is
-- compared. (With UNTIL, another role may have one event less or more at the end.) Which of two processes comes first
-- is up to the scheduler, so a run that differs is tried again: one of five must be as recorded. Exit status: 0, 1 if a
-- trace differs or cannot be recorded, 2 for bad usage.
--
-- A TRACE is script and recording in one, as a transcript is. First its head:
--     # any other comment
--     # TITLE=A read that waits          the name of the figure
--     # TICK_MS=100                      the length of a tick while recording
--     # ROLES=parent child               names for processes and threads, in the order in which they are made
--     # LANES=parent kernel child        the figure's lanes from left to right; a role may have none
--     # KEEP child=read( SIGALRM exited  what to keep of a role: whatever begins with one of these words
--                                        (where a first argument `...` counts as not being there)
--     # FROM child=read(3                leave out what is before the first event of this beginning,
--     # UNTIL child=write(1              and what comes after the first one of this
--     # CUT=1.9 5.1                      leave out what begins between these ticks (or pairs of ticks), and say so
--     # SIGINT=strace Ctrl-C             where the kernel's signals of this name come from, in order
--     # STRACE=-e inject=...             more options for strace
--     $ ./program                        the command
--     @3.5 <Ctrl-C>                      keys, as in a transcript; ticks are those of TICK_MS
-- then the events, in the order in which they began:
--     SECONDS ROLE EVENT
-- Seconds count from the first event kept. The event is in strace's own words, with roles for process ids and `...`
-- for addresses and absolute times; a call that strace showed in two parts is joined.
--     0.000660 child read(3, "fool\0"..., 16) = 16 <0.499642>
--     0.100123 child --- SIGALRM {si_signo=SIGALRM, si_code=SI_KERNEL} ---
--     ... 12 events left out

local lib = dofile((arg[0]:match("^.*/") or "") .. "lib.lua")

local errors = 0

local function complain(path, format, ...)
  errors = errors + 1
  io.stderr:write("trace: ", path, ": ", format:format(...), "\n")
end

local function words(text)
  local list = {}
  for word in text:gmatch("%S+") do list[#list + 1] = word end
  return list
end

-- The head ----------------------------------------------------------------------

-- Where a role's events begin or end: `child=read(3` is { role = "child", start = "read(3" }.
local function mark_of(text)
  local role, start = text:match("^(%w+)=(.+)$")
  return role and { role = role, start = start }
end

local directives = {
  ["^# TICK_MS=(%d+)$"] = function(head, ms) head.tick_ms = tonumber(ms) end,
  ["^# ROLES=(.+)$"] = function(head, list) head.roles = words(list) end,
  ["^# KEEP (%w+=.+)$"] = function(head, rule)
    local role, list = rule:match("^(%w+)=(.+)$")
    head.keep[role] = words(list)
  end,
  ["^# FROM (%w+=.+)$"] = function(head, mark) head.from = mark_of(mark) end,
  ["^# UNTIL (%w+=.+)$"] = function(head, mark) head.last = mark_of(mark) end,
  ["^# CUT=([%d. ]+)$"] = function(head, ticks)
    for from, to in ticks:gmatch("(%S+) (%S+)") do table.insert(head.cuts, { tonumber(from), tonumber(to) }) end
  end,
  ["^# STRACE=(.+)$"] = function(head, options) head.strace = options end,
  ["^%$ (.+)$"] = function(head, command) head.command = command end,
  ["^(@.+)$"] = function(head, key) table.insert(head.keys, key) end,
}

local function is_event(line) return line:find("^%s*%d+%.%d+ ") or line:find("^%.%.%. ") end

-- The head of a trace with its lines as they stand, or nil after an error. `.events` are the recorded lines.
local function load_trace(path)
  local text = lib.read(path)
  if not text then return complain(path, "cannot read this file") end
  local head = { path = path, lines = {}, events = {}, keep = {}, keys = {}, cuts = {}, tick_ms = 100, strace = "" }
  for line in text:gmatch("[^\n]+") do
    if is_event(line) then
      table.insert(head.events, line)
    else
      table.insert(head.lines, line)
      for pattern, set in pairs(directives) do
        local value = line:match(pattern)
        if value then set(head, value) end
      end
    end
  end
  if not (head.command and head.roles) then return complain(path, "the head needs `# ROLES=...` and `$ command`") end
  return head
end

-- Recording -----------------------------------------------------------------------

-- Keys wait for ticks of the recorder, which last a second.
local function in_seconds(key, tick_ms)
  return (key:gsub("^@(%d[%d.]*)", function(tick) return ("@%.3f"):format(tonumber(tick) * tick_ms / 1000) end))
end

local function session_of(head, log)
  local lines = { ("$ TICK_MS=%d strace -ff -ttt -T -s 40 -e signal=all %s -o %s %s"):format(
    head.tick_ms, head.strace, log, head.command) }
  for _, key in ipairs(head.keys) do table.insert(lines, in_seconds(key, head.tick_ms)) end
  return table.concat(lines, "\n") .. "\n"
end

-- The logs of one run: { [process id] = text }, and the ids in no order; nil after an error.
local function run(head, build)
  local top = lib.output_of("mktemp -d"):gsub("%s+$", "")
  local here = lib.output_of("pwd"):gsub("%s+$", "")
  build = build:find("^/") and build or here .. "/" .. build
  local folder = "code/" .. head.path:match("([^/]+)/[^/]+$")
  os.execute(("mkdir -p %s/%s"):format(top, folder))
  lib.write(("%s/%s/run.transcript"):format(top, folder), session_of(head, top .. "/log"))
  local said, ok = lib.output_of(("cd %s && timeout 60 %s -b %s %s/run.transcript"):format(
    top, lib.quoted(build .. "/code/b-testing-signals/record"), lib.quoted(build), folder))
  local logs = {}
  for file in lib.output_of("ls " .. top):gmatch("log%.%d+") do
    logs[tonumber(file:match("%d+"))] = lib.read(top .. "/" .. file)
  end
  os.execute("rm -rf " .. lib.quoted(top))
  if not ok or not next(logs) then return complain(head.path, "this session could not be recorded: %s", said) end
  return logs
end

-- Events ----------------------------------------------------------------------------

local makes_process = { clone = true, clone3 = true, fork = true, vfork = true }
local names_processes = { wait4 = true, waitid = true, kill = true, tgkill = true, tkill = true, getpid = true }

-- A log's lines as events { t, id, text }.
local function add_events(events, id, log)
  for line in log:gmatch("[^\n]+") do
    local t, text = line:match("^(%d+%.%d+) (.+)$")
    if t then table.insert(events, { t = tonumber(t), id = id, text = text, n = #events }) end
  end
end

local function call_of(text) return text:match("^([%w_]+)%(") end

-- Roles by process id: the first process is the one that no other has made.
local function roles_of(head, events)
  local made, order, role = {}, {}, {}
  table.sort(events, function(a, b) return a.t ~= b.t and a.t < b.t or a.t == b.t and a.n < b.n end)
  for _, event in ipairs(events) do
    local id = makes_process[call_of(event.text)] and tonumber(event.text:match("= (%d+)[^=]*$"))
    if id then made[id] = true; table.insert(order, id) end
  end
  for _, event in ipairs(events) do
    if not made[event.id] then table.insert(order, 1, event.id) break end
  end
  for i, id in ipairs(order) do role[id] = head.roles[i] end
  return role
end

-- What differs from run to run goes.
local function normal(text, role, is_after_getppid)
  local call = call_of(text)
  local function name(id) return role[tonumber(id)] and "<" .. role[tonumber(id)] .. ">" end
  text = text:gsub("0x[%da-f]+", "...")
  text = text:gsub("{tv_sec=%d%d%d+, tv_nsec=%d+}", "{...}"):gsub("TIMER_ABSTIME, {[^}]*}", "TIMER_ABSTIME, {...}")
  text = text:gsub(", si_uid=%d+", ""):gsub(", si_utime=%d+", ""):gsub(", si_stime=%d+", "")
  text = text:gsub("(si_pid=)(%d+)", function(key, id) return key .. (name(id) or "...") end)
  text = text:gsub("parent_tid=%[%d+%]", "parent_tid=[...]"):gsub("%s+= ", " = ", 1)
  if makes_process[call] or names_processes[call] then text = text:gsub("%f[%w]%d%d+%f[^%w.]", name) end
  if call == "getppid" or (call == "rt_sigreturn" and is_after_getppid) then text = text:gsub("= %d+", "= ...") end
  return text
end

local function begins_with(text, start) return text:sub(1, #start) == start end
local function bare(text) return (text:gsub("^[-+][-+][-+] ", "")) end

-- What only asks for a disposition changes nothing; program_start asks for all of them.
local function is_kept(head, event)
  if event.text:find("^rt_sigaction%(%w+, NULL,") then return false end
  for _, start in ipairs(head.keep[event.role] or {}) do
    if begins_with(bare(event.text):gsub("%(%.%.%., ", "("), start) then return true end
  end
end

local function is_at(mark, event)
  return mark and event.role == mark.role and begins_with(bare(event.text), mark.start)
end

local function is_cut(head, tick)
  for _, cut in ipairs(head.cuts) do
    if tick >= cut[1] and tick < cut[2] then return true end
  end
end

-- The events to keep, and for `cut` a mark that tells how many are missing.
local function trimmed(head, events)
  local out, left_out, zero = {}, 0, nil
  local open = head.from == nil
  for _, event in ipairs(events) do
    if is_kept(head, event) then
      zero = zero or event.t
      event.t = event.t - zero
      open = open or is_at(head.from, event)
      if open and is_cut(head, event.t * 1000 / head.tick_ms) then
        left_out = left_out + 1
      elseif open then
        if left_out > 0 then table.insert(out, { cut = left_out }) end
        left_out = 0
        table.insert(out, event)
        if is_at(head.last, event) then break end
      end
    end
  end
  return out
end

local function event_lines(head, events)
  local width, lines = 0, {}
  for _, role in ipairs(head.roles) do width = math.max(width, #role) end
  for i, event in ipairs(events) do
    lines[i] = event.cut and ("... %d events left out"):format(event.cut)
      or ("%.6f %-" .. width .. "s %s"):format(event.t, event.role, event.text)
  end
  return lines
end

-- Record a run of what the head says; the lines of its events, or nil after an error.
local function record(head, build)
  local logs = run(head, build)
  if not logs then return nil end
  local events = {}
  for id, log in pairs(logs) do add_events(events, id, log) end
  local role = roles_of(head, events)
  local asked = {} -- who has asked for its parent last: a handler's return puts that result back
  for _, event in ipairs(events) do
    local call = call_of(event.text)
    event.role, event.text = role[event.id], normal(event.text, role, asked[event.id])
    if call then asked[event.id] = call == "getppid" end
  end
  local lines = event_lines(head, trimmed(head, events))
  if #lines == 0 then return complain(head.path, "nothing that is to be kept happened") end
  return lines
end

-- Comparing ---------------------------------------------------------------------------

-- Each role's events in order, without times. What was left out counts as one event of all.
local function by_role(lines)
  local all = {}
  for _, line in ipairs(lines) do
    local role, text = line:match("^%s*%d+%.%d+ (%S+)%s+(.*)$")
    if role then
      all[role] = all[role] or {}
      table.insert(all[role], (text:gsub(" <%d+%.%d+>$", "")))
    end
  end
  return all
end

-- Where `lines` are not as recorded, in words; nil if they are.
local function difference(head, lines)
  local before, now = by_role(head.events), by_role(lines)
  for _, role in ipairs(head.roles) do
    local a, b = before[role] or {}, now[role] or {}
    local many = math.max(#a, #b)
    -- Where one role's event ends the trace, another's last one may or may not have come in time.
    if head.last and head.last.role ~= role and math.abs(#a - #b) == 1 then many = many - 1 end
    for i = 1, many do
      if a[i] ~= b[i] then
        return ("event %d of %s:\n    - %s\n    + %s"):format(i, role, a[i] or "(none)", b[i] or "(none)")
      end
    end
  end
end

local TRIES = 5

local function compare(head, build)
  local differs
  for try = 1, TRIES do
    local lines = record(head, build)
    if not lines then return end
    differs = difference(head, lines)
    if not differs then
      local tries = try == 1 and "" or (", at try %d"):format(try)
      return print(("trace: %s: %d events, the same but for their times%s"):format(head.path, #lines, tries))
    end
  end
  complain(head.path, "none of %d runs is as recorded; the last one at %s", TRIES, differs)
end

local function save(head, lines)
  lib.write(head.path, table.concat(head.lines, "\n") .. "\n" .. table.concat(lines, "\n") .. "\n")
  print(("trace: %s: %d events"):format(head.path, #lines))
end

-- The command line ----------------------------------------------------------------------

local function usage(message)
  io.stderr:write("trace: ", message, "\nusage: lua5.4 weave/trace.lua [--check] [-b BUILD] FILE.trace...\n")
  os.exit(2)
end

local files, build, check, i = {}, "build", false, 1
while arg[i] do
  if arg[i] == "--check" then
    check = true
  elseif arg[i] == "-b" then
    i = i + 1
    build = arg[i] or usage("-b needs a folder")
  elseif arg[i]:find("^%-") then
    usage("unknown option " .. arg[i])
  else
    table.insert(files, arg[i])
  end
  i = i + 1
end
if #files == 0 then usage("no FILE.trace given") end
for _, path in ipairs(files) do
  local head = load_trace(path)
  if head and check then
    compare(head, build)
  elseif head then
    local lines = record(head, build)
    if lines then save(head, lines) end
  end
end
os.exit(errors == 0 and 0 or 1)
