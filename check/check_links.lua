-- Check a folder of built pages: lua5.4 check/check_links.lua build/html
-- Every link inside the folder must lead to a file, every #fragment to an id
-- of that page, and no page may have an id twice.
local folder = arg[1]
local pages, links, bad = {}, 0, 0

local function complain(page, ...)
  bad = bad + 1
  io.stderr:write(page, ': ', string.format(...), '\n')
end

local function read(name)
  local file = io.open(folder .. '/' .. name, 'rb')
  local text = file and file:read('a') -- nil for a folder too
  if file then file:close() end
  return text
end

local function unescape(url)
  return (url:gsub('&amp;', '&'):gsub('%%(%x%x)', function(hex) return string.char(tonumber(hex, 16)) end))
end

-- A link's path, seen from the folder.
local function resolve(from, path)
  local parts = {}
  for part in ((from:match('^.*/') or '') .. path):gmatch('[^/]+') do
    if part == '..' then table.remove(parts) elseif part ~= '.' then table.insert(parts, part) end
  end
  return table.concat(parts, '/')
end

for path in io.popen("cd '" .. folder .. "' && find * -name '*.html'"):lines() do
  if path:match('%.html$') then
    local page = { ids = {}, text = read(path):gsub('<!%-%-.-%-%->', '') }
    for id in page.text:gmatch('<[^<>]-%sid="([^"]*)"') do
      if page.ids[id] then complain(path, 'the id %s stands twice', id) end
      page.ids[id] = true
    end
    pages[path] = page
  end
end

local count = 0
for name, page in pairs(pages) do
  count = count + 1
  for url in page.text:gmatch('<[^<>]-%s[hs]re?[fc]="([^"]*)"') do
    if not url:match('^%a[%w+.-]*:') then
      links = links + 1
      local path, fragment = unescape(url):match('^([^#?]*)%??[^#]*#?(.*)$')
      path = path == '' and name or resolve(name, path)
      local target = pages[path]
      if not target and not read(path) then
        complain(name, 'link to %s: there is no such file', url)
      elseif fragment ~= '' and not fragment:match('^:~:') and not (target and target.ids[fragment]) then
        complain(name, 'link to %s: the page has no such id', url)
      end
    end
  end
end
print(string.format('%d pages, %d links inside, %d wrong', count, links, bad))
os.exit(bad == 0 and count > 0)
