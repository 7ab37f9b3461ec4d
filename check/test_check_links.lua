-- check_links.mjs finds links that lead nowhere: lua5.4 check/test_check_links.lua
local mini = dofile((arg[0]:match('^.*/') or '') .. 'mini.lua')
local PAGE = '<!DOCTYPE html>\n<html lang="en"><head><title>One</title></head><body><p id="a">%s</p></body></html>\n'

local function links(name, body, fault)
  mini.test(name, function()
    mini.write('html/one.html', PAGE:format(body))
    local status, out, err = mini.run('node check/check_links.mjs html')
    mini.has(out .. err, fault or ', 0 wrong')
    mini.is(status, fault and 1 or 0)
  end)
end

links("right ones", '<a href="#a">a</a> <a href="one.html#a">a</a> <a href="https://example.org/x#y">far</a>')
links("what is no element", '<!-- <a href="two.html"> --> <code title="&lt;a href=\'three.html\'>">x</code>')
links("no such file", '<a href="two.html">two</a>', "link to two.html: there is no such file")
links("no such file, in other quotes", "<a class=b href='two.html'>two</a>",
  "one.html:2: link to two.html: there is no such file")
links("no such file, without quotes", '<a href=two.html>two</a>', "link to two.html: there is no such file")
links("a folder", '<a href="../html/">here</a>', "link to ../html/: there is no such file")
links("half an escape", '<a href="%E0%A4">x</a>', "link to %E0%A4: there is no such file")
links("no such image", '<img alt="" src="figures/x.svg">', "link to figures/x.svg: there is no such file")
links("no such id", '<a href="#b">b</a>', "link to #b: the page has no such id")
links("an id twice", '<b id="a">a</b>', "the id a stands twice")
mini.finish()
