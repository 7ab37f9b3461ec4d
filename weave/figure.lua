-- figure.lua: draw the figures of the book from recorded traces, or check that they are drawn.
--
--   lua5.4 weave/figure.lua [--check] [-o FOLDER] [-m FILE.md]... code/NN-name/x.trace...
--
-- The figure of code/NN-name/x.trace is FOLDER/NN-x.svg; FOLDER is chapters/figures. It is written by a rename, and
-- only when it changes; a trace with an error leaves its figure as it is. With --check nothing is written: each figure
-- must be what its trace gives, each .svg in FOLDER must have its trace among those given, and be shown by one of
-- the Markdown files named by -m. Exit status: 0, 1 for errors (`figure: FILE:LINE: message`), 2 for bad usage.
--
-- What a trace is stands in trace.lua. Here every line must be understood: a call that is not in CALLS below, or a
-- signal, or an ending that has another form, is an error. A call shown in two parts (`<unfinished ...>`, `<... read
-- resumed>...`) is joined; one whose second part is missing lasts to the end of the picture, if the trace does not
-- tell that its process has ended.
--
-- THE PICTURE. Time runs downward, one row for each moment at which something happened, all rows of one height: what
-- took microseconds can be read beside what took seconds. A long stretch without events is a gap, marked by dots.
-- A lane is a line while its process runs, a hatched box while it sleeps in a call, dashes while it is stopped, and a
-- double line while it runs a signal handler. A lane stands left or right of the kernel's, with its labels outside.

local here = arg[0]:match("^.*/") or ""
local lib = dofile(here .. "lib.lua")
local palette = dofile(here .. "palette.lua")

local errors = 0

local function complain(path, line, format, ...)
  errors = errors + 1
  io.stderr:write(("figure: %s:%d: "):format(path, line), format:format(...), "\n")
end

-- Text is UTF-8; its length is that of its characters.
local function length(text) return utf8.len(text) or #text end
local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }
local function escape(text) return (text:gsub('[&<>"]', ENTITIES)) end

-- Calls -------------------------------------------------------------------------------

-- How a call is written in its lane: { name, arguments }. `sleeps`: it can sleep, and is drawn so if it takes long.
local function bytes_of(text) -- the first string among the arguments, without the zeros that fill it up
  local data, more = text:match('"(.-[^\\])"(%.*)')
  if not data then return text:find('""') and '""' or nil end
  if #data > 16 and data:gsub("\\0", "") == "" then return nil end
  while data:find("[^\\0]\\0$") or data:find("\\0\\0$") do data = data:sub(1, -3) end
  return '"' .. data .. (more ~= "" and "…" or "") .. '"'
end

local function first(args) return args:match("^[^,]+") or "" end
local function last(args) return args:match("([^, ]+)$") or "" end

local function write_args(args)
  return ("%s, %s%s"):format(first(args), bytes_of(args) or "…, " .. last(args), "")
end

local function iov_args(args)
  local parts = { first(args) }
  for data in args:gmatch('iov_base="(.-)", iov_len') do table.insert(parts, '"' .. data .. '"') end
  return table.concat(parts, ", ")
end

local function timer_args(args)
  local s, us = args:match("it_value={tv_sec=(%d+), tv_usec=(%d+)}")
  local ms = s and tonumber(s) * 1000 + tonumber(us) / 1000
  return not ms and "…" or ms == 0 and "off" or ("%g ms"):format(ms)
end

local function action_args(args)
  local flags = (args:match("sa_flags=([%w_|]+)") or ""):gsub("SA_RESTORER|?", ""):gsub("|$", "")
  local handler = args:match("sa_handler=(SIG_%u+)")
  return first(args) .. ", " .. (handler or flags ~= "" and flags or "0")
end

local function nothing() return "" end
local function dots() return "…" end
local function signal_arg(args) return args:match("(SIG%u+)") or "…" end

local CALLS = {
  read = { sleeps = true, args = function(args) return first(args) .. ", …, " .. last(args) end, takes = true },
  write = { sleeps = true, args = write_args, gives = true },
  writev = { sleeps = true, args = iov_args, gives = true },
  pwritev2 = { sleeps = true, args = iov_args, gives = true },
  recv = { sleeps = true, args = first }, recvfrom = { sleeps = true, args = first },
  accept = { sleeps = true, args = first }, accept4 = { sleeps = true, args = first },
  pipe2 = { args = nothing }, pipe = { args = nothing },
  clone = { name = "fork", args = nothing, makes = true }, fork = { args = nothing, makes = true },
  vfork = { args = nothing, makes = true }, clone3 = { name = "fork", args = nothing, makes = true },
  clock_nanosleep = { sleeps = true, args = dots }, nanosleep = { sleeps = true, args = dots },
  pause = { sleeps = true, args = nothing }, rt_sigsuspend = { name = "sigsuspend", sleeps = true, args = dots },
  rt_sigtimedwait = { name = "sigtimedwait", sleeps = true, args = dots },
  poll = { sleeps = true, args = dots },
  ppoll = { sleeps = true, args = function(args) return args:match("fd=(%d+)") or "…" end },
  select = { sleeps = true, args = dots }, pselect6 = { sleeps = true, args = dots },
  futex = { sleeps = true, args = function(args) return args:find("WAKE") and "wake" or "wait" end },
  wait4 = { name = "waitpid", sleeps = true, args = nothing }, waitid = { sleeps = true, args = nothing },
  flock = { sleeps = true, args = first },
  setitimer = { args = timer_args }, alarm = { args = first },
  rt_sigaction = { name = "sigaction", args = action_args },
  rt_sigprocmask = { name = "sigprocmask", args = first },
  rt_sigreturn = { name = "sigreturn", args = nothing },
  kill = { args = signal_arg }, tkill = { args = signal_arg }, tgkill = { args = signal_arg },
  close = { args = first }, dup2 = { args = first }, getppid = { args = nothing }, getpid = { args = nothing },
  execve = { args = first }, exit_group = { name = "_exit", args = first }, exit = { name = "_exit", args = first },
}

-- Reading a trace ------------------------------------------------------------------------

local function words(text)
  local list = {}
  for word in text:gmatch("%S+") do list[#list + 1] = word end
  return list
end

local head_lines = {
  { "^# TITLE=(.+)$", function(trace, title) trace.title = title end },
  { "^# TICK_MS=(%d+)$", function(trace, ms) trace.tick = tonumber(ms) / 1000 end },
  { "^# ROLES=(.+)$", function(trace, list) trace.roles = words(list) end },
  { "^# LANES=(.+)$", function(trace, list) trace.lanes = words(list) end },
  { "^# (SIG%u+)=(.+)$", function(trace, signal, list) trace.sources[signal] = words(list) end },
  { "^#", function() end },
  { "^%$ .", function() end },
  { "^@.", function() end },
}

-- A call's text as { call, args, result, duration }, or nil if it is no whole call.
local function parse_call(text)
  local call, args, result = text:match("^([%w_]+)%((.*)%) += (.+)$")
  if not call then return nil end
  local duration = result:match(" <(%d+%.%d+)>$")
  result = result:gsub(" <%d+%.%d+>$", ""):gsub(" %(.*%)$", "")
  return { kind = "call", call = call, args = args, result = result, duration = tonumber(duration or 0) }
end

-- Each takes the event's text and gives the event, or nil if it has another form.
local forms = {
  function(text) return parse_call(text) end,
  function(text)
    local call, args = text:match("^([%w_]+)%((.-)%s*<unfinished %.%.%.>$")
    return call and { kind = "call", call = call, args = args, unfinished = true }
  end,
  function(text)
    local call, rest = text:match("^<%.%.%. ([%w_]+) resumed>(.*)$")
    return call and { kind = "resumed", call = call, rest = rest }
  end,
  function(text)
    local signal, info = text:match("^%-%-%- (SIG%w+) {(.*)} %-%-%-$")
    return signal and { kind = "signal", signal = signal, info = info }
  end,
  function(text)
    local signal = text:match("^%-%-%- stopped by (SIG%w+) %-%-%-$")
    return signal and { kind = "stopped", signal = signal }
  end,
  function(text)
    local status = text:match("^%+%+%+ exited with (%d+) %+%+%+$")
    return status and { kind = "ended", how = "exited", status = status }
  end,
  function(text)
    local signal = text:match("^%+%+%+ killed by (SIG%w+)[ %w()]* %+%+%+$")
    return signal and { kind = "ended", how = "killed", signal = signal }
  end,
}

local function parse_event(trace, n, line)
  local t, role, text = line:match("^%s*(%d+%.%d+) (%w+)%s+(%S.*)$")
  if not t then return complain(trace.path, n, "expected `SECONDS ROLE EVENT`, found: %s", line:sub(1, 60)) end
  if not trace.known[role] then return complain(trace.path, n, '"%s" is none of the roles (# ROLES=...)', role) end
  for _, form in ipairs(forms) do
    local event = form(text)
    if event then
      if event.call and not CALLS[event.call] then
        return complain(trace.path, n, "the call %s is not known: leave it out (# KEEP ...) or add it to CALLS",
          event.call)
      end
      event.t, event.role, event.line = tonumber(t), role, n
      return event
    end
  end
  complain(trace.path, n, "expected a call, a signal or an ending, found: %s", text:sub(1, 60))
end

-- Join the two parts of a call; `open` has the unfinished ones by role.
local function join(trace, event, open)
  local before = open[event.role]
  if event.kind == "resumed" then
    if not before or before.call ~= event.call then
      return complain(trace.path, event.line, "%s is resumed, but was not begun", event.call)
    end
    local whole = parse_call(before.call .. "(" .. before.args .. event.rest)
    if not whole then
      return complain(trace.path, event.line, "the end of %s cannot be read: %s", event.call, event.rest)
    end
    before.args, before.result = whole.args, whole.result
    before.duration, before.unfinished, open[event.role] = event.t - before.t, nil, nil
    if whole.duration > 0 then before.duration = whole.duration end
  elseif event.unfinished then
    open[event.role] = event
  elseif event.kind == "ended" then
    if before then before.unfinished, before.result, before.duration = nil, "?", event.t - before.t end
    open[event.role] = nil
  end
end

local function add_event(trace, event, open)
  local previous = trace.events[#trace.events]
  if previous and event.t < (previous.t or 0) then
    return complain(trace.path, event.line, "this event is earlier than the one before it")
  end
  if trace.over[event.role] then
    return complain(trace.path, event.line, "%s has ended on line %d", event.role, trace.over[event.role])
  end
  join(trace, event, open)
  if event.kind == "ended" then trace.over[event.role] = event.line end
  if event.kind ~= "resumed" then table.insert(trace.events, event) end
end

local function read_head(trace, line)
  for _, rule in ipairs(head_lines) do
    local a, b = line:match(rule[1])
    if a then
      rule[2](trace, a, b)
      return true
    end
  end
end

-- The lanes must be roles and, once, the kernel, with one at most on each of its sides.
local function check_head(trace, n)
  if not (trace.title and trace.tick and trace.roles and trace.lanes) then
    return complain(trace.path, n, "the head needs # TITLE=, # TICK_MS=, # ROLES= and # LANES=")
  end
  for _, role in ipairs(trace.roles) do trace.known[role] = true end
  local at
  for i, lane in ipairs(trace.lanes) do
    if lane == "kernel" then
      at = i
    elseif not trace.known[lane] then
      return complain(trace.path, n, 'lane "%s" is none of the roles', lane)
    end
  end
  if not at or at > 2 or #trace.lanes - at > 1 or #trace.lanes < 2 then
    return complain(trace.path, n, "# LANES= needs a kernel, with at most one lane on each side of it")
  end
  trace.checked = true
  return true
end

-- A trace, or nil after an error.
local function load_trace(path)
  local text, before = lib.read(path), errors
  if not text then return complain(path, 1, "cannot read this file") end
  local trace = { path = path, events = {}, sources = {}, known = {}, over = {} }
  local n, open = 0, {}
  for line in text:gmatch("([^\n]*)\n?") do
    n = n + 1
    if line:find("^[#$@]") and not trace.checked then
      read_head(trace, line)
    elseif line ~= "" then
      if not trace.checked and not check_head(trace, n) then return nil end
      local cut = line:match("^%.%.%. (%d+) events left out$")
      local event = not cut and parse_event(trace, n, line)
      if cut then table.insert(trace.events, { kind = "cut", count = tonumber(cut), line = n }) end
      if event then add_event(trace, event, open) end
    end
  end
  if text:sub(-1) ~= "\n" then complain(path, n, "the last line is cut off") end
  if #trace.events == 0 and errors == before then complain(path, n, "no events: record it with trace.lua") end
  local final = trace.events[#trace.events]
  if final and final.kind == "cut" then complain(path, n, "nothing follows what was left out") end
  return errors == before and trace or nil
end

-- What the events mean -----------------------------------------------------------------------

local LONG = 0.002 -- a call that can sleep and takes longer than this has slept
local SOON = 0.0002 -- so has one that a signal took out of it, after this
local GAP = 0.005 -- a stretch without events that is longer is a gap

local function is_restart(event) return event.result ~= nil and event.result:find("ERESTART") ~= nil end

local function has_slept(event)
  if event.unfinished then return true end
  local d = event.duration
  return CALLS[event.call].sleeps and (d >= LONG or is_restart(event) and d >= SOON)
end

local function of_role(trace, role)
  local list = {}
  for _, event in ipairs(trace.events) do if event.role == role then table.insert(list, event) end end
  return list
end

-- A signal has a handler if its role returns from one afterwards. The call that it ended is ended by the return.
local function link_signals(list)
  local asked, handlers = nil, {}
  for i, event in ipairs(list) do
    if event.kind == "signal" then
      local returns = false
      for j = i + 1, #list do
        if list[j].call == "rt_sigreturn" then returns = true end
        if list[j].kind == "signal" and list[j].signal ~= event.signal then break end
        if returns or list[j].kind == "signal" then break end
      end
      if returns then table.insert(handlers, event) end
      event.handled, event.ended_call = returns, asked
    elseif event.call == "rt_sigreturn" and #handlers > 0 then
      event.signal_event = table.remove(handlers)
      event.of = event.signal_event.ended_call
      event.restarts = event.of ~= nil and is_restart(event.of) and not event.result:find("E%u")
      event.signal_event.returns = event
    elseif event.kind == "call" and #handlers == 0 then
      local from = asked
      if from and from.call == event.call and from.args:match("^%d*") == event.args:match("^%d*")
        and is_restart(from) then
        local back = list[i - 1]
        event.again = back.call == "rt_sigreturn" and (back.restarts and "restarted" or "again")
          or back.kind == "signal" and "restarted" or nil
      end
      asked = event
    end
  end
end

-- A signal without a handler is deadly if its role is killed by it.
local function find_deadly(trace)
  local killer = {}
  for _, event in ipairs(trace.events) do
    if event.how == "killed" then killer[event.role] = event.signal end
  end
  for _, event in ipairs(trace.events) do
    event.deadly = event.kind == "signal" and not event.handled and killer[event.role] == event.signal
  end
end

-- Where a signal of the kernel's comes from: the timer, or what the head says, moment by moment.
local function find_sources(trace)
  local last_at, index = {}, {}
  for _, event in ipairs(trace.events) do
    if event.kind == "signal" and event.info:find("si_code=SI_KERNEL") then
      local name = event.signal
      local list = trace.sources[name]
      if list then
        if not last_at[name] or event.t - last_at[name] > 0.02 then index[name] = (index[name] or 0) + 1 end
        last_at[name] = event.t
        event.source = list[index[name]]
        if not event.source then
          complain(trace.path, event.line, "the head does not say where this %s comes from", name)
        end
      elseif name == "SIGALRM" then
        event.source = "timer"
      else
        complain(trace.path, event.line, "the head does not say where this %s comes from", name)
      end
    end
  end
end

-- Which descriptor is which pipe's: all roles have those of the process that made it.
local function find_pipes(trace)
  local pipes, at = {}, {}
  for _, event in ipairs(trace.events) do
    if event.call == "pipe2" or event.call == "pipe" then
      local r, w = event.args:match("%[(%d+), (%d+)%]")
      if r then
        local pipe = { number = #pipes + 1 }
        table.insert(pipes, pipe)
        at["r" .. r], at["w" .. w] = pipe, pipe
      end
    elseif event.kind == "call" and tonumber(event.result) and tonumber(event.result) > 0 then
      local fd = first(event.args)
      if CALLS[event.call].gives then event.into = at["w" .. fd] end
      if CALLS[event.call].takes then event.out_of = at["r" .. fd] end
    end
  end
  trace.pipes = pipes
end

local function shown_result(event)
  local result = event.result or "?"
  local call = CALLS[event.call]
  if result == "?" then return "" end
  if is_restart(event) then return "= " .. result:match("ERESTART[%w_]+") end
  if event.call == "pipe2" or event.call == "pipe" then return "= " .. (event.args:match("%[.-%]") or result) end
  if event.call == "wait4" then
    local status = event.args:match("WEXITSTATUS%(s%) == (%d+)")
    local signal = event.args:match("WTERMSIG%(s%) == (SIG%w+)")
    result = result:gsub("[<>]", "") .. (status and ", exit " .. status or signal and ", " .. signal or "")
  end
  if call.takes and tonumber(result) and tonumber(result) > 0 and bytes_of(event.args) then
    result = result .. " " .. bytes_of(event.args)
  end
  return "= " .. result:gsub("[<>]", ""):gsub("^%.%.%.$", "…"):gsub("^%-", "−")
end

local function shown_call(event)
  local call = CALLS[event.call]
  local name = call.name or event.call
  if event.args:find("CLONE_THREAD") then name = "pthread_create" end
  return ("%s(%s)"):format(name, call.args(event.args))
end

-- A call that takes one row.
local function shown_whole(event)
  if event.call == "rt_sigreturn" and event.of then
    local of = CALLS[event.of.call].name or event.of.call
    if event.restarts then return "sigreturn, restart " .. of end
    if event.result:find("E%u") then return ("sigreturn, %s = %s"):format(of, (event.result:gsub("^%-", "−"))) end
    return "sigreturn"
  end
  if event.call == "rt_sigreturn" then return "sigreturn" end
  return (shown_call(event) .. " " .. shown_result(event)):gsub("%s+$", "")
end

-- In words ---------------------------------------------------------------------------------------

local function time_in_words(t) return ("%.3f ms"):format(t * 1000) end

local function who(event)
  local threads = { main = "the main thread", timer = "the timer thread" }
  return threads[event.role] or "the " .. event.role
end

local words_of = {}

function words_of.call(_, event)
  local text = ("%s calls %s"):format(who(event), shown_call(event))
  if event.again == "restarted" then text = ("%s is put back into %s"):format(who(event), shown_call(event)) end
  if event.again == "again" then text = text .. " again" end
  if event.call == "rt_sigreturn" then
    text = who(event) .. " returns from the handler"
    if event.restarts then return text .. ("; the kernel makes the interrupted %s again"):format(event.of.call) end
    if event.of and event.result:find("E%u") then
      return ("%s; the interrupted %s returns %s"):format(text, event.of.call, event.result)
    end
    return text
  end
  local pipe = event.into and (": %s bytes into the pipe"):format(event.result)
    or event.out_of and not event.slept and (": %s bytes out of the pipe"):format(event.result) or ""
  if event.unfinished then return text .. " and sleeps until the end of the picture" end
  if event.slept then return text .. (event.into and pipe .. ", and sleeps" or " and sleeps") end
  if event.repeated then text = text .. (", %d times"):format(event.repeated) end
  local result = shown_result(event):gsub("^= ", "")
  return text .. (result ~= "" and ", which returns " .. result or "") .. pipe
end

function words_of.woken(_, event)
  local result = shown_result(event):gsub("^= ", "")
  local text = ("%s wakes from %s after %s"):format(who(event), CALLS[event.call].name or event.call,
    time_in_words(event.duration))
  if is_restart(event) then return text .. (": interrupted (%s)"):format(result) end
  return text .. (result ~= "" and ", which returns " .. result or "")
    .. (event.out_of and (": %s bytes out of the pipe"):format(event.result) or "")
end

function words_of.signal(_, event)
  local from = event.source == "timer" and ", from its timer" or event.source and ", from " .. event.source or ""
  local what = event.handled and "; its handler runs" or event.deadly and "; it has no handler for it"
    or "; no handler runs"
  return ("%s gets %s%s%s"):format(who(event), event.signal, from, what)
end

function words_of.stopped(_, event) return ("%s is stopped by %s"):format(who(event), event.signal) end

function words_of.ended(_, event)
  if event.how == "killed" then return ("%s is killed by %s"):format(who(event), event.signal) end
  return ("%s ends with exit status %s"):format(who(event), event.status)
end

function words_of.cut(_, event) return ("%d more events are left out here"):format(event.count) end

-- Rows ------------------------------------------------------------------------------------------

-- The role's runs of equal calls become one: 16 reads of 4096 bytes each.
local function fold_repeats(trace)
  local out = {}
  for _, event in ipairs(trace.events) do
    local before = out[#out]
    local same = before and event.kind == "call" and before.kind == "call" and event.role == before.role
      and event.call == "read" and not has_slept(event) and not has_slept(before)
      and event.args == before.args and event.result == before.result
    if same then
      before.repeated = (before.repeated or 1) + 1
      before.until_t = event.t + event.duration
    else
      table.insert(out, event)
    end
  end
  trace.events = out
end

-- The rows of the picture in order of time: { t, event, part }, where part is "begin", "end" or nil.
local function rows_of(trace)
  local rows, n, has_lane = {}, 0, {}
  for _, lane in ipairs(trace.lanes) do has_lane[lane] = true end
  local function add(row) n = n + 1; row.n = n; table.insert(rows, row) end
  for i, event in ipairs(trace.events) do
    if event.kind == "cut" then
      add({ t = trace.events[i + 1].t, event = event, first = true })
    elseif has_lane[event.role] or event.into then -- of a role without a lane, only what reaches the others
      event.slept = event.kind == "call" and has_slept(event)
      add({ t = event.t, event = event, part = event.slept and "begin" or nil })
      if event.slept and not event.unfinished then
        add({ t = event.t + event.duration, event = event, part = "end" })
      end
    end
  end
  local final = 0
  for _, event in ipairs(trace.events) do final = math.max(final, event.t or 0) end
  local kept = {}
  for _, row in ipairs(rows) do -- what ends after the last event of all ends outside the picture
    if row.part == "end" and row.t > final + 1e-9 then row.event.open = true else table.insert(kept, row) end
  end
  table.sort(kept, function(a, b)
    if a.t ~= b.t then return a.t < b.t end
    if a.first ~= b.first then return a.first == true end
    return a.n < b.n
  end)
  return kept
end

-- Geometry --------------------------------------------------------------------------------------

local WIDTH, ROW, GAP_HEIGHT, TOP, FOOT = 774, 19, 26, 54, 54
local MONO, SERIF = 6.93, 5.6 -- the width of a character; for the serif face a mean
local LEFT = { lane = 302, from = 66, to = 288, side = "left" }
local RIGHT = { lane = 522, from = 536, to = 772, side = "right" }
local KERNEL = { from = 372, to = 452, middle = 412 }

-- Give each lane its place, and each row its height. Returns the picture's height.
local function place(trace, rows)
  trace.place = {}
  trace.left_out = trace.lanes[1] == "kernel" and 150 or 0 -- what is not needed of the left side
  local at
  for i, lane in ipairs(trace.lanes) do if lane == "kernel" then at = i end end
  for i, lane in ipairs(trace.lanes) do
    if lane ~= "kernel" then
      local place = i < at and LEFT or RIGHT
      trace.place[lane] = { lane = place.lane, from = place.from, to = place.to, side = place.side }
    end
  end
  local y, before = TOP + 16, nil
  for i, row in ipairs(rows) do
    row.gap = before ~= nil and before.event.kind ~= "cut" and row.event.kind ~= "cut" and row.t - before.t > GAP
    if i > 1 then
      y = y + ROW + (row.gap and GAP_HEIGHT or row.event.kind == "cut" and 6 or before.event.kind == "cut" and 18 or 0)
    end
    row.y = y
    local event = row.event
    if row.part == "end" then event.y1, event.end_row = y, i else event.y, event.row = y, i end
    before = row
  end
  for _, event in ipairs(trace.events) do
    if event.slept and not event.y1 then event.y1 = y + 14 end
  end
  return y + FOOT, y + 14
end

-- Drawing ---------------------------------------------------------------------------------------

local function num(x) return (("%.1f"):format(x):gsub("%.0$", "")) end

local Picture = {}
Picture.__index = Picture

function Picture:add(form, ...) table.insert(self, form:format(...)) end

-- Where the text of a class always ends; the style says so.
local ANCHORS = { time = "end", tick = "end", head = "middle", note = "middle" }

function Picture:text(class, anchor, x, y, text)
  self:add('<text class="%s" x="%s" y="%s"%s>%s</text>', class, num(x), num(y),
    anchor == (ANCHORS[class] or "start") and "" or ' text-anchor="' .. anchor .. '"', escape(text))
end

function Picture:line(class, x1, y1, x2, y2)
  self:add('<path class="%s" d="M%s %sL%s %s"/>', class, num(x1), num(y1), num(x2), num(y2))
end

function Picture:box(class, x, y, w, h, round)
  self:add('<rect class="%s" x="%s" y="%s" width="%s" height="%s"%s/>', class, num(x), num(y), num(w), num(h),
    round and ' rx="' .. round .. '"' or "")
end

-- An arrow along a row; its head is drawn, because not every viewer knows markers.
function Picture:arrow(class, x1, x2, y)
  local back = x2 > x1 and -7 or 7
  self:line(class, x1, y, x2 + back * 0.7, y)
  self:add('<path class="%s-head" d="M%s %sl%s -3.5v7z"/>', class, num(x2), num(y), num(back))
end

-- Hatching, as one path: lines that stay inside the box.
function Picture:hatch(x, y, w, h)
  local d = {}
  for k = 5, h + w - 2, 7 do
    local x1, y1 = 0, k
    if y1 > h then x1, y1 = k - h, h end
    local x2, y2 = k, 0
    if x2 > w then x2, y2 = w, k - w end
    table.insert(d, ("M%s %sL%s %s"):format(num(x + x1), num(y + y1), num(x + x2), num(y + y2)))
  end
  self:add('<path class="hatch" d="%s"/>', table.concat(d))
end

-- A label that fits: first its string is shortened, then its end.
local function fitted(text, room, width)
  local most = math.floor(room / width)
  if length(text) <= most then return text end
  local before, data, after = text:match('^(.-)"(.*)"(.-)$')
  if data then
    local line = data:match("^(.*)\\n$") -- the end of the line is the first to go
    if line and length(text) - 2 <= most then return before .. '"' .. line .. '"' .. after end
    data = data:gsub("…$", "")
    local keep = most - length(before) - length(after) - 3
    if keep >= 4 then
      data = data:sub(1, keep):gsub("\\$", "")
      return before .. '"' .. data .. '…"' .. after
    end
  end
  return text:sub(1, (utf8.offset(text, most) or most + 1) - 1) .. "…"
end

function Picture:label(place, class, y, text)
  local width = class == "call" and MONO or SERIF
  local without_result = text:match('^(write%(%d, ".*"%)) = %d+$') -- that all was written is the least of it
  if without_result and length(text) * width > place.to - place.from then text = without_result end
  if length(text) * width > place.to - place.from then text = text:gsub(" = 0$", "") end
  if text:find("^sigreturn, ") and length(text) * width > place.to - place.from then
    text = text:gsub(", [%w_]+ =", ", … =")
  end
  text = fitted(text, place.to - place.from, width)
  if place.side == "left" then self:text(class, "end", place.to, y + 4, text)
  else self:text(class, "start", place.from, y + 4, text) end
end

-- From the lane to the kernel's side, and where an arrow's words stand.
local function between(place)
  if place.side == "left" then return place.lane + 9, KERNEL.from, (place.lane + 8 + KERNEL.from) / 2 end
  return place.lane - 9, KERNEL.to, (place.lane - 8 + KERNEL.to) / 2
end

function Picture:to_kernel(place, y, words, class)
  local lane, kernel, middle = between(place)
  self:arrow(class or "flow", lane, kernel, y)
  if words then self:text("note", "middle", middle, y - 5, words) end
end

function Picture:from_kernel(place, y, words, class)
  local lane, kernel, middle = between(place)
  self:arrow(class or "flow", kernel, lane, y)
  if words then self:text("note", "middle", middle, y - 5, words) end
end

-- The lane itself: line, box, dashes, by the events of its role.
local function draw_lane(picture, trace, role, bottom)
  local x = trace.place[role].lane
  local list = of_role(trace, role)
  local y = list[1].y - 10
  for _, event in ipairs(trace.events) do
    if event.kind == "call" and CALLS[event.call].makes and event.result:match("<(%w+)>") == role then
      y = event.y + 8
    end
  end
  local finish, ended = bottom, nil
  for _, event in ipairs(list) do if event.kind == "ended" then finish, ended = event.y, event end end
  local at, handler, stopped = y, nil, nil
  local function run_to(to)
    if to <= at then return end
    if stopped then
      picture:line("stopped", x, at, x, to)
    elseif handler then
      picture:line("handler", x - 3, at, x - 3, to)
      picture:line("handler", x + 3, at, x + 3, to)
    else
      picture:line("lane", x, at, x, to)
    end
    at = to
  end
  for _, event in ipairs(list) do
    if event.kind == "call" then
      if event.slept then
        run_to(event.y)
        picture:box("asleep", x - 7, event.y, 14, event.y1 - event.y)
        picture:hatch(x - 7, event.y, 14, event.y1 - event.y)
        at = event.y1
      elseif event.call == "rt_sigreturn" and handler then
        run_to(event.y)
        handler = nil
      end
    elseif event.kind == "signal" then
      if stopped and event.signal == "SIGCONT" then run_to(event.y); stopped = nil end
      run_to(event.y)
      if event.handled then handler = event end
    elseif event.kind == "stopped" then
      run_to(event.y)
      stopped = event
    end
  end
  run_to(finish)
  if ended then
    picture:add('<path class="end" d="M%s %sl10 10m0 -10l-10 10"/>', num(x - 5), num(finish - 5))
  end
end

-- What stands in the gaps beside a sleeping process: at the first gap after it fell asleep.
local function draw_sleep(picture, trace, rows, event)
  local place = trace.place[event.role]
  local name = CALLS[event.call].name or event.call
  for i = event.row + 1, event.end_row or #rows do
    if rows[i].gap then
      local took = event.end_row and (", %s ms"):format(num(event.duration * 1000)) or ""
      local words = "asleep in " .. name .. took
      if length(words) * SERIF > place.to - place.from then words = "asleep in " .. name end
      return picture:label(place, "words", rows[i].y - (ROW + GAP_HEIGHT) / 2, words)
    end
  end
end

local draw = {}

function draw.call(picture, trace, event, row, rows)
  local place = trace.place[event.role]
  if not place then
    if event.into then picture:text("note", "middle", KERNEL.middle, row.y - 8, event.role) end
    return
  end
  local words
  if row.part == "begin" then
    words = shown_call(event)
    if event.into then picture:to_kernel(place, row.y, event.result .. " bytes") end
    draw_sleep(picture, trace, rows, event)
  elseif row.part == "end" then
    words = shown_result(event)
    if event.out_of then
      picture:from_kernel(place, row.y, event.result .. (event.result == "1" and " byte" or " bytes"))
    end
  else
    words = shown_whole(event)
    if event.repeated then words = ("%d × %s"):format(event.repeated, words:gsub('"[^"]*…"', "")) end
    local count = tonumber(event.result)
    if event.repeated and count then count = count * event.repeated end
    local bytes = count and ("%d byte%s"):format(count, count == 1 and "" or "s")
    if event.into then picture:to_kernel(place, row.y, bytes) end
    if event.out_of then picture:from_kernel(place, row.y, bytes) end
    picture:add('<circle class="dot" cx="%s" cy="%s" r="3"/>', num(place.lane), num(row.y))
  end
  if event.again and row.part ~= "end" then words = words .. ", " .. event.again end
  if words ~= "" then picture:label(place, "call", row.y, words) end
  local child = CALLS[event.call].makes and (event.result or ""):match("<(%w+)>")
  local to = child and trace.place[child]
  if to then
    picture:arrow("fork", place.lane, to.lane + (to.lane > place.lane and -2 or 2), row.y + 8)
  end
end

function draw.signal(picture, trace, event, row)
  local place = trace.place[event.role]
  if not place then return end
  picture:from_kernel(place, row.y, event.signal, "signal")
  local words = event.handled and "its handler runs" or event.deadly and "no handler" or
    event.signal == "SIGCONT" and "continued" or "ignored"
  picture:label(place, "words", row.y, words)
end

function draw.stopped(picture, trace, event, row)
  local place = trace.place[event.role]
  if place then picture:label(place, "words", row.y, "stopped by " .. event.signal) end
end

function draw.ended(picture, trace, event, row)
  local place = trace.place[event.role]
  if not place then return end
  local words = event.how == "killed" and "killed by " .. event.signal or "exited, status " .. event.status
  picture:label(place, "words", row.y, words)
  picture:to_kernel(place, row.y, nil, "signal")
end

function draw.cut(picture, trace, event, row)
  local y = row.y - 1
  picture:box("paper", 0, y - 9, WIDTH, 20)
  for _, at in ipairs { y - 9, y + 11 } do
    local d = {}
    for x = 0, WIDTH - 8, 12 do
      table.insert(d, ("%s%s %sL%s %s"):format(x == 0 and "M" or "L", x, num(at), x + 6, num(at + 3)))
    end
    picture:add('<path class="tear" d="%s"/>', table.concat(d))
  end
  picture:text("words", "middle", (WIDTH + trace.left_out) / 2, y + 6,
    ("%d more events like these, left out"):format(event.count))
end

-- What the pipes hold, from the moment bytes are written to that when they are read.
local function draw_pipes(picture, rows, bottom)
  local used, column = {}, {}
  for _, row in ipairs(rows) do
    local pipe = row.event.into or row.event.out_of
    if pipe and not column[pipe] then table.insert(used, pipe); column[pipe] = #used end
  end
  local width = (KERNEL.to - KERNEL.from - 8) / math.max(#used, 1)
  for pipe, i in pairs(column) do
    pipe.x, pipe.width = KERNEL.from + 4 + (i - 1) * width, width - (#used > 1 and 3 or 0)
  end
  local function close(pipe, y)
    if pipe.held and pipe.held > 0 and y > pipe.since then
      picture:box("held", pipe.x, pipe.since, pipe.width, y - pipe.since, 2)
      local words = #used == 1 and pipe.held .. " bytes" or tostring(pipe.held)
      picture:text("note", "middle", pipe.x + pipe.width / 2, pipe.since + (y - pipe.since > 24 and 14
        or (y - pipe.since) / 2 + 4), words)
    end
    pipe.since = y
  end
  for _, row in ipairs(rows) do
    local event = row.event
    local count = (tonumber(event.result) or 0) * (event.repeated or 1)
    if event.into and row.part ~= "end" then
      close(event.into, row.y)
      event.into.held = (event.into.held or 0) + count
    elseif event.out_of and row.part ~= "begin" then
      close(event.out_of, row.y)
      event.out_of.held = math.max(0, (event.out_of.held or 0) - count)
    end
  end
  for _, pipe in ipairs(used) do close(pipe, bottom) end
end

-- The timer, the key: what the kernel passes on. One key for all that it hits.
local function draw_sources(picture, rows)
  local keys = {}
  for _, row in ipairs(rows) do
    local event, key = row.event, keys[#keys]
    if event.source and key and key.source == event.source and row.t - key.t < 0.02 then
      key.bottom = row.y
    elseif event.source then
      table.insert(keys, { source = event.source, t = row.t, top = row.y, bottom = row.y })
    end
  end
  for _, key in ipairs(keys) do
    picture:box("key", KERNEL.from + 6, key.top - 8.5, KERNEL.to - KERNEL.from - 12, key.bottom - key.top + 17, 4)
    picture:text("note", "middle", KERNEL.middle, (key.top + key.bottom) / 2 + 4, key.source)
  end
end

-- The column of times: ticks where one begins, dots where time has passed.
local function draw_times(picture, trace, rows)
  local told = nil
  for i, row in ipairs(rows) do
    if row.event.kind ~= "cut" then
      picture:text("time", "end", 58 + trace.left_out, row.y + 4, ("%.3f"):format(row.t * 1000))
      local ticks = row.t / trace.tick
      local whole = math.floor(ticks * 2 + 0.05) / 2
      local room = i == 1 or row.gap or rows[i - 1].event.kind == "cut"
      if room and ticks - whole < 0.12 and ticks - whole > -0.03 and whole ~= told then
        told = whole
        picture:text("tick", "end", 58 + trace.left_out, row.y - 12, ("tick %g"):format(whole))
      end
    end
    if row.gap then
      picture:add('<path class="gap" d="M%s %sv11"/>', num(50 + trace.left_out), num(row.y - ROW - 16))
    end
  end
end

local STYLE = ([[
.run text{fill:@{day.ink};font-size:11.5px}
.run .call,.run .time{font-family:"DejaVu Sans Mono",Menlo,Consolas,monospace}
.run .time{font-size:11px;fill:@{day.quiet}}
.run .time,.run .tick{text-anchor:end}
.run .head,.run .note{text-anchor:middle}
.run .head,.run .words,.run .note,.run .tick,.run .foot{font-family:]]
  .. [["TeX Gyre Pagella",Palatino,"Palatino Linotype",Georgia,serif}
.run .head{font-size:15px;font-weight:bold}
.run .words,.run .tick,.run .foot{font-style:italic;font-size:12px}
.run .foot{fill:@{day.quiet}}
.run .tick{fill:@{day.accent}}
.run .note{font-size:11px}
.run path{fill:none;stroke:@{day.ink};stroke-width:1.3}
.run .paper{fill:@{sheet.paper}}
.run .band{fill:@{sheet.ground}}
.run .lane{stroke-width:2}
.run .handler{stroke:@{day.accent};stroke-width:2}
.run .stopped{stroke-width:2;stroke-dasharray:3 5}
.run .asleep{fill:@{sheet.paper};stroke:@{day.quiet};stroke-width:1}
.run .hatch{stroke:@{day.quiet};stroke-width:.9}
.run .dot{fill:@{day.ink}}
.run .end{stroke-width:2.2}
.run .flow{stroke:@{day.slate}}
.run .flow-head{fill:@{day.slate};stroke:none}
.run .signal{stroke:@{day.accent};stroke-dasharray:5 2.5}
.run .signal-head{fill:@{day.accent};stroke:none}
.run .fork{stroke-width:1}
.run .fork-head{fill:@{day.ink};stroke:none}
.run .held{fill:@{sheet.paper};stroke:@{day.slate}}
.run .key{fill:@{sheet.paper};stroke:@{day.accent}}
.run .tear,.run .gap{stroke:@{day.quiet};stroke-width:1}
.run .gap{stroke-dasharray:1.5 4;stroke-width:2}
@media (prefers-color-scheme:dark){
.run text,.run .dot{fill:@{night.ink}}
.run .time,.run .foot{fill:@{night.quiet}}
.run .tick{fill:@{night.accent}}
.run path{stroke:@{night.ink}}
.run .paper,.run .asleep,.run .held,.run .key{fill:@{night.paper}}
.run .band{fill:@{night.ground}}
.run .hatch,.run .tear,.run .gap,.run .asleep{stroke:@{night.quiet}}
.run .handler,.run .signal,.run .key{stroke:@{night.accent}}
.run .signal-head{fill:@{night.accent};stroke:none}
.run .flow,.run .held{stroke:@{night.slate}}
.run .flow-head{fill:@{night.slate};stroke:none}
.run .fork-head{fill:@{night.ink};stroke:none}
}
]]):gsub('@{(%w+)%.(%w+)}', function(light, role) return palette[light][role] end)

local function in_words(trace, rows)
  local lines = {}
  for _, row in ipairs(rows) do
    local event = row.event
    local kind = row.part == "end" and "woken" or event.kind
    local words = words_of[kind](trace, event)
    table.insert(lines, event.kind == "cut" and words:gsub("^%l", string.upper) .. "."
      or ("%s: %s."):format(time_in_words(row.t), words))
  end
  return table.concat(lines, "\n")
end

-- What the lanes of this picture show, in words.
local function legend(trace)
  local has = {}
  for _, event in ipairs(trace.events) do
    if trace.place[event.role] then
      has.asleep = has.asleep or event.slept
      has.handler = has.handler or event.handled
      has.stopped = has.stopped or event.kind == "stopped"
    end
  end
  return "Line: running." .. (has.asleep and " Hatched: asleep." or "") .. (has.stopped and " Dashes: stopped." or "")
    .. (has.handler and " Double line: in a signal handler." or "") .. " A row is a moment; dots are a long time."
end

-- The picture as SVG text. `name` makes its ids unique in a page that holds several.
local function svg_of(trace, name)
  fold_repeats(trace)
  for _, role in ipairs(trace.roles) do link_signals(of_role(trace, role)) end
  find_sources(trace)
  find_pipes(trace)
  find_deadly(trace)
  local rows = rows_of(trace)
  local height, bottom = place(trace, rows)
  local picture = setmetatable({}, Picture)
  picture:box("paper", 0, 0, WIDTH, height)
  picture:box("band", KERNEL.from, TOP - 14, KERNEL.to - KERNEL.from, bottom - TOP + 14)
  picture:text("head", "middle", KERNEL.middle, 28, "kernel")
  picture:text("foot", "end", 58 + trace.left_out, 28, "ms")
  for _, lane in ipairs(trace.lanes) do
    if lane ~= "kernel" then
      picture:text("head", "middle", trace.place[lane].lane, 28, lane)
    end
  end
  draw_pipes(picture, rows, bottom)
  draw_sources(picture, rows)
  for _, lane in ipairs(trace.lanes) do
    if lane ~= "kernel" and #of_role(trace, lane) > 0 then draw_lane(picture, trace, lane, bottom) end
  end
  for _, row in ipairs(rows) do draw[row.event.kind](picture, trace, row.event, row, rows) end
  draw_times(picture, trace, rows)
  picture:text("foot", "middle", (WIDTH + trace.left_out) / 2, height - 26, legend(trace))
  picture:text("foot", "middle", (WIDTH + trace.left_out) / 2, height - 9,
    ("Recorded under strace, which makes every call slower, at ticks of %g ms."):format(trace.tick * 1000))
  return table.concat({
    ('<svg xmlns="http://www.w3.org/2000/svg" class="run" width="%d" height="%d" viewBox="%d 0 %d %d" role="img" '
      .. 'aria-labelledby="%s-title" aria-describedby="%s-desc">')
      :format(WIDTH - trace.left_out, height, trace.left_out, WIDTH - trace.left_out, height, name, name),
    ('<title id="%s-title">%s</title>'):format(name, escape(trace.title)),
    ('<desc id="%s-desc">%s</desc>'):format(name, escape(in_words(trace, rows))),
    "<style>\n" .. STYLE .. "</style>",
    table.concat(picture, "\n"),
    "</svg>", "" }, "\n")
end

-- The command line --------------------------------------------------------------------------------

local function usage(message)
  io.stderr:write("figure: ", message, "\nusage: lua5.4 weave/figure.lua [--check] [-o FOLDER] [-m FILE.md]... "
    .. "FILE.trace...\n")
  os.exit(2)
end

local function parse(args)
  local options, i = { folder = "chapters/figures", files = {}, chapters = {} }, 1
  while args[i] do
    if args[i] == "--check" then
      options.check = true
    elseif args[i] == "-o" then
      i = i + 1
      options.folder = args[i] or usage("-o needs a folder")
    elseif args[i] == "-m" then
      i = i + 1
      table.insert(options.chapters, args[i] or usage("-m needs a file"))
    elseif args[i]:find("^%-") then
      usage("unknown option " .. args[i])
    else
      table.insert(options.files, args[i])
    end
    i = i + 1
  end
  if #options.files == 0 then usage("no FILE.trace given") end
  return options
end

local function name_of(path)
  local number, name = path:match("([^/-]+)-[^/]*/([^/]+)%.trace$")
  return number and number .. "-" .. name
end

local function make_one(path, options)
  local name = name_of(path)
  if not name then return complain(path, 1, "expected a file code/NN-name/x.trace") end
  local trace = load_trace(path)
  local before = errors
  local svg = trace and svg_of(trace, "figure-" .. name)
  if not svg or errors > before then return name end
  local target = options.folder .. "/" .. name .. ".svg"
  local have = lib.read(target)
  if have == svg then return name end
  if options.check then
    complain(target, 1, "is not what %s gives (`make figures` draws it)", path)
  elseif lib.write(target, svg) then
    print(("figure: %s drawn"):format(target))
  end
  return name
end

-- Each figure has its trace, and a chapter shows it.
local function check_folder(names, options)
  local shown = {}
  for _, path in ipairs(options.chapters) do
    local text = lib.read(path)
    if not text then complain(path, 1, "cannot read this file") end
    local n = 0
    for line in ((text or "") .. "\n"):gmatch("(.-)\n") do
      n = n + 1
      for name in line:gmatch("!%[.-%]%([^)]-figures/([%w_%-]+)%.svg%)") do
        shown[name] = true
        if not names[name] then complain(path, n, "there is no trace of the figure %s.svg", name) end
      end
    end
  end
  local pipe = assert(io.popen("LC_ALL=C ls '" .. options.folder .. "' 2>&1"))
  for file in pipe:lines() do
    local name = file:match("^(.+)%.svg$")
    if name and not names[name] then complain(options.folder .. "/" .. file, 1, "a figure without a trace") end
  end
  pipe:close()
  local all = {}
  for name in pairs(names) do table.insert(all, name) end
  table.sort(all)
  for _, name in ipairs(all) do
    if not shown[name] then complain(options.folder .. "/" .. name .. ".svg", 1, "no chapter shows this figure") end
  end
  return #all
end

local options = parse(arg)
local names = {}
for _, path in ipairs(options.files) do
  local name = make_one(path, options)
  if name then names[name] = true end
end
if options.check then
  local n = check_folder(names, options)
  if errors == 0 then print(("figure: %d figures, as their traces give them"):format(n)) end
end
os.exit(errors == 0 and 0 or 1)
