-- check_formats.lua finds faults in pages and in an EPUB: lua5.4 check/test_check_formats.lua BUILD
-- Takes a page and the EPUB of BUILD, and breaks copies of them.
local here = arg[0]:match('^.*/') or ''
local lib = dofile(here .. '../weave/lib.lua')
local mini = dofile(here .. 'mini.lua')
local is, has, test = mini.is, mini.has, mini.test
local front, epub = lib.read(arg[1] .. '/html/index.html'), lib.read(arg[1] .. '/interrupted.epub')

function mini.before()
  mini.write('html/one.html', front)
  mini.write('book.epub', epub)
end

local function check() return mini.run('lua5.4 check/check_formats.lua html book.epub') end
local function finds(fault)
  local status, out = check()
  has(out, fault)
  is(status, 1)
end
local function page(name, old, new, fault)
  test(name, function()
    local broken, n = front:gsub(old, new, 1)
    is(n, 1)
    mini.write('html/one.html', broken)
    finds(fault)
  end)
end

test('right ones', function() is((check()), 0) end)
page('an element not closed', '</main>', '', 'html: ')
page('a warning', '</main>', '<section>no heading</section></main>', 'Section lacks heading')
page('a wrong style', '<title>', '<style>p { colr: red }</style><title>', 'colr')
test('an EPUB with a broken page', function()
  mini.run("python3 -m zipfile -e book.epub book && cd book && sed -i 's/<\\/h1>//' EPUB/text/ch003.xhtml && " ..
    'python3 -m zipfile -c ../book.epub mimetype META-INF EPUB')
  finds('ch003.xhtml')
end)
test('no EPUB', function()
  mini.remove('book.epub')
  finds('epub: ')
end)
test('no pages', function()
  mini.remove('html/one.html')
  finds('no pages in html')
end)
mini.finish()
