-- Each check of check_pdf.lua finds its fault in a small PDF: lua check/test_check_pdf.lua [BUILD]
local build = arg[1] or 'build'
local folder = build .. '/test_check_pdf'
os.execute('mkdir -p ' .. folder)

local passed, failed = 0, 0
local function check(name, ok, said)
  if ok then passed = passed + 1 else failed = failed + 1 end
  if not ok then print('not ok: ' .. name .. '\n' .. said) end
end

local function run(command)
  local pipe = io.popen(command .. ' 2>&1')
  local said = pipe:read('a')
  return pipe:close() == true, said
end

local head = [[
#set document(title: "T")
#set page(paper: "a4", margin: (x: 34mm))
#set text(font: "TeX Gyre Pagella", lang: "en")
= One
]]

local function set(name, text)
  local file = io.open(folder .. '/' .. name .. '.typ', 'w')
  file:write(text)
  file:close()
  return run(('node pandoc/pdf/typst.mjs %s/%s.typ %s/%s.pdf'):format(folder, name, folder, name))
end

-- A PDF of this text; what the check says of it.
local function finds(name, text, fault, title)
  local made, error = set(name, text)
  local ok, said = run(('%s check/check_pdf.lua -t %s %s/%s.pdf'):format(arg[-1], title or 'One', folder, name))
  if fault then ok = not ok and said:find(fault, 1, true) ~= nil end
  check(name, made and ok, error .. said)
end

finds('a-whole-one', head .. 'Text.')
finds('overfull', head .. '#box(width: 150mm, align(right)[overfull])', '"overfull" ends 8.0 mm right')
finds('too-far-left', head .. '#move(dx: -20mm)[left]', '"left" begins 20.0 mm left')
finds('parted-caption', head .. '#raw("01-pipe/pipe.c") · _A pipe_ #pagebreak() Text.', 'page 1 ends with a caption')
finds('empty-page', head .. '#pagebreak() #pagebreak() Text.', 'page 2 is empty')
finds('heading-at-the-foot', head .. 'Text. #v(1fr)\n== Two\n#pagebreak() Text.', 'page 1 ends with a heading: Two')
finds('a-heading-in-the-text', head .. 'Two\n== Two\nTwo. #pagebreak() Text.')
finds('brace', head .. 'Text. #pagebreak() #raw("}") #parbreak() Text.', 'page 2 begins with a lone brace')
local headed = '#set page(header: [T #h(1fr) One])\n' .. head
finds('two-lines', headed .. 'Text. #pagebreak() Text.', 'page 1 has only a line or two: One')
finds('two-lines-at-the-end', headed .. 'Text. #set page(header: none)\n= Two\nText.')
finds('another-font', head .. '#text(font: "Libertinus Serif")[Text]', 'a font of nobody: LibertinusSerif')
finds('no-such-title', head, 'the outline has no "Two"', 'Two')

-- What the typesetter itself refuses.
local function refuses(name, text, fault)
  local ok, said = set(name, text)
  check(name, not ok and said:find(fault, 1, true) ~= nil, said)
end
refuses('no-such-font', head .. '#text(font: "No Such Font")[Text]', 'unknown font family')
refuses('figure-without-words', head .. '#image("/chapters/figures/02-short_write.svg")', 'PDF/UA-1 error')
refuses('no-title', '#set text(font: "TeX Gyre Pagella")\nText', 'PDF/UA-1 error')

-- Not tagged: a PDF that another program made of a good one has its text, and no tags.
run(('pdftocairo -pdf %s/a-whole-one.pdf %s/untagged.pdf'):format(folder, folder))
local ok, said = run(('%s check/check_pdf.lua -t One %s/untagged.pdf'):format(arg[-1], folder))
check('untagged', not ok and said:find('not tagged', 1, true) and said:find('does not say', 1, true), said)

-- Code too long for the page stops the book.
local book = assert(io.open('pandoc/pdf/book.typ')):read('a'):gsub('%$title%$', 'T'):gsub('%$subtitle%$', 'S'):gsub('%$rights%$', 'R')
  :gsub('%$%$', '$')
refuses('long-code', (book:gsub('%$body%$', function() return '#code("c", "' .. ('x'):rep(83) .. '")' end)), 'too long for the page')

print(('test_check_pdf: %d passed, %d failed'):format(passed, failed))
os.exit(failed == 0)
