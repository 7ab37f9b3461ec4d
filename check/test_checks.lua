-- Each of check_links.mjs, check_spelling.lua and check_formats.lua finds its fault: lua5.4 check/test_checks.lua BUILD
-- Takes a page and the EPUB of BUILD, and breaks copies of them.
local build = arg[1] or "build"
local folder = build .. "/test_checks"
local lua = arg[-1]

local passed, failed = 0, 0
local function check(name, ok, said)
  if ok then passed = passed + 1 else failed = failed + 1 end
  if not ok then print("FAILED: " .. name .. "\n" .. said) end
end

local function run(form, ...)
  local pipe = io.popen(form:format(...) .. " 2>&1")
  local said = pipe:read("a")
  return pipe:close() == true, said
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(folder .. "/" .. path, "wb"))
  file:write(text)
  file:close()
end

run("rm -rf %s && mkdir -p %s/html", folder, folder)

-- One check, a command; without a fault it is content, with one it names it.
local function finds(name, fault, command, ...)
  local ok, said = run(command, ...)
  if fault then ok = not ok and said:find(fault, 1, true) ~= nil end
  check(name, ok, said)
end

-- Links
local page = "<!DOCTYPE html>\n<html lang=\"en\"><head><title>One</title></head><body><p id=\"a\">%s</p></body></html>\n"
local function links(name, body, fault)
  write("html/one.html", page:format(body))
  finds("links: " .. name, fault, "node check/check_links.mjs %s/html", folder)
end
links("right ones", '<a href="#a">a</a> <a href="one.html#a">a</a> <a href="https://example.org/x#y">far</a>')
links("what is no element", '<!-- <a href="two.html"> --> <code title="&lt;a href=\'three.html\'>">x</code>')
links("no such file", '<a href="two.html">two</a>', "link to two.html: there is no such file")
links("no such file, in other quotes", "<a class=b href='two.html'>two</a>", "one.html:2: link to two.html: there is no such file")
links("no such file, without quotes", '<a href=two.html>two</a>', "link to two.html: there is no such file")
links("a folder", '<a href="../html/">here</a>', "link to ../html/: there is no such file")
links("half an escape", '<a href="%E0%A4">x</a>', "link to %E0%A4: there is no such file")
links("no such image", '<img alt="" src="figures/x.svg">', "link to figures/x.svg: there is no such file")
links("no such id", '<a href="#b">b</a>', "link to #b: the page has no such id")
links("an id twice", '<b id="a">a</b>', "the id a stands twice")

-- Spelling
write("words.txt", "# right words\nfrobnicate\n")
local function spelling(name, file, text, fault)
  write(file, text)
  finds("spelling: " .. name, fault, "%s check/check_spelling.lua -w %s/words.txt %s/%s", lua, folder, folder, file)
end
spelling("right words", "a.md", "Frobnicate a pipe, `recieve` and <span class=\"teh\">its</span> end.\n\n```\nteh code\n```\n")
spelling("a wrong word", "a.md", "Frobnicate.\n\n```\nrecieve\n```\n\nYou recieve it.\n", "a.md:7: recieve")
spelling("British", "a.md", "Frobnicate a colour.\n", "a.md:1: colour")
spelling("a comment", "a.c", "/* Does frobnicate teh pipe. */\nint x;\n", "a.c:1: teh")
spelling("a name in a comment", "a.c", "// frobnicate xtalk\nint xtalk;\n")
spelling("a string is no comment", "a.c", "// frobnicate\nchar *x = \"teh // teh\";\n")
spelling("a word that nobody uses", "a.md", "Nothing.\n", "frobnicate: no file has this word")

-- HTML and EPUB
local front, epub = read(build .. "/html/index.html"), build .. "/interrupted.epub"
local function formats(name, html, book, fault)
  write("html/one.html", html)
  finds("formats: " .. name, fault, "%s check/check_formats.lua %s/html %s", lua, folder, book)
end
formats("right ones", front, epub)
formats("an element not closed", front:gsub("</main>", "", 1), epub, "html: ")
formats("a warning", front:gsub("</main>", "<section>no heading</section></main>", 1), epub, "Section lacks heading")
formats("a wrong style", front:gsub("<title>", "<style>p { colr: red }</style><title>", 1), epub, "colr")
run("python3 -m zipfile -e %s %s/book", epub, folder)
run("cd %s/book && sed -i 's/<\\/h1>//' EPUB/text/ch003.xhtml && python3 -m zipfile -c ../broken.epub mimetype META-INF EPUB",
  folder)
formats("an EPUB with a broken page", front, folder .. "/broken.epub", "ch003.xhtml")
formats("no EPUB", front, folder .. "/none.epub", "epub: ")

print(("test_checks: %d passed, %d failed"):format(passed, failed))
os.exit(failed == 0)
