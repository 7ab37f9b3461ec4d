-- Each check of check_pdf.lua finds its fault in a small PDF: lua5.4 check/test_check_pdf.lua [BUILD]
local lib = dofile((arg[0]:match('^.*/') or '') .. '../weave/lib.lua')
local build = arg[1] or 'build'
local folder = build .. '/test_check_pdf'
os.execute('mkdir -p ' .. folder)

local passed, failed = 0, 0
local function check(name, ok, said)
  if ok then passed = passed + 1 else failed = failed + 1 end
  if not ok then print('not ok: ' .. name .. '\n' .. said) end
end

local head = [[
#set document(title: "T")
#set page(paper: "a4", margin: (x: 34mm))
#set text(font: "TeX Gyre Pagella", lang: "en")
= One
]]

local function set(name, text)
  lib.write(folder .. '/' .. name .. '.typ', text)
  return lib.output_of(('node pandoc/pdf/typst.mjs %s/%s.typ %s/%s.pdf'):format(folder, name, folder, name))
end

-- A PDF of this text; what the check says of it.
local function finds(name, text, fault, title)
  local said_first, made = set(name, text)
  local said, ok = lib.output_of(('%s check/check_pdf.lua -t %s %s/%s.pdf'):format(arg[-1], title or 'One', folder,
    name))
  if fault then ok = not ok and said:find(fault, 1, true) ~= nil end
  check(name, made and ok, said_first .. said)
end

finds('a-whole-one', head .. 'Text.')
local wide = '#box(width: 150mm, align(right)[overfull])'
finds('overfull', head .. wide, '"overfull" ends 8.0 mm right')
finds('a-wide-page', head .. '#context [#metadata(here().page())<wide>]' .. wide)
finds('a-wide-page-before', head .. '#context [#metadata(here().page())<wide>] #pagebreak() ' .. wide,
  'page 2: "overfull"')
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
  local said, ok = set(name, text)
  check(name, not ok and said:find(fault, 1, true) ~= nil, said)
end
refuses('no-such-font', head .. '#text(font: "No Such Font")[Text]', 'unknown font family')
refuses('figure-without-words', head .. '#image("/chapters/figures/02-short_write.svg")', 'PDF/UA-1 error')
refuses('no-title', '#set text(font: "TeX Gyre Pagella")\nText', 'PDF/UA-1 error')

-- Not tagged: a PDF that another program made of a good one has its text, and no tags.
lib.output_of(('pdftocairo -pdf %s/a-whole-one.pdf %s/untagged.pdf'):format(folder, folder))
local said, ok = lib.output_of(('%s check/check_pdf.lua -t One %s/untagged.pdf'):format(arg[-1], folder))
check('untagged', not ok and said:find('not tagged', 1, true) and said:find('does not say', 1, true), said)

-- Code too long for the page stops the book.
local typ = lib.read(build .. '/interrupted.typ'):match('^(.-)\n#let listing%(')
refuses('long-code', typ .. '\n#code("c", "' .. ('x'):rep(83) .. '")', 'too long for the page')

print(('test_check_pdf: %d passed, %d failed'):format(passed, failed))
os.exit(failed == 0)
