-- Is a small book made right in every format, in whatever form its Markdown is? lua5.4 pandoc/test_book.lua [BUILD]
-- Run from the top. The small book is put into BUILD/test_book; it shows code of the real one. Exit status 1 if not.

local json = require 'dkjson'
local lib = dofile 'weave/lib.lua'
local folder = (arg[1] or 'build') .. '/test_book'

local passed, failed = 0, 0
local function check(name, ok, said)
  if ok then passed = passed + 1 else failed = failed + 1 end
  if not ok then print('not ok: ' .. name .. '\n' .. (said or ''):sub(1, 600)) end
end

local BOOK = [[
---
title: Small
lang: en-US
---

Before. See [the chapter](chapters/01-small.md#two) and [the list](#contents).

## Contents

- [1. Small](chapters/01-small.md)

## After

The end.
]]

local PLAIN = [[
# 1. Small

Text with a **term** that is new, a [claim](CODE/test_pipe_facts.c "eof_needs_every_writer_closed"),
`code`, and a note[^1].

[^1]: It says *this*.

## Two

![A run.](FIGURES/01-blocking_pipe.svg)

```c {file="01-blocking-pipe/blocking_pipe.c" fragment="The child"}
int x; /* y */
```

```console {run="01-blocking-pipe/blocking_pipe"}
$ ./x
[5] ^C<out>
```

> **Wrong.** Not so.
>
> <details><summary>Answer</summary>
>
> The answer.
>
> </details>

| a | b |
|---|--:|
| c | d |
]]

-- The same in other legal Markdown.
local ODD = [[
1\. Small
=========

Text with a __term__ that is new, a [claim][],
`` code ``, and a note[^n].

[^n]: It says _this_.

[claim]: <CODE/test_pipe_facts.c>
  'eof_needs_every_writer_closed'

Two
---

![A run.][picture]

[picture]: FIGURES/01-blocking_pipe.svg

~~~~ {.c fragment="The child" file=01-blocking-pipe/blocking_pipe.c}
int x; /* y */
~~~~

``` {run=01-blocking-pipe/blocking_pipe .console}
$ ./x
[5] ^C<out>
```

> __Wrong.__ Not so.
>
> <details>
> <summary>Answer</summary>
>
> The answer.
>
> </details>

a | b
---|--:
c | d
]]

local function put(name, text)
  text = text:gsub('CODE', '../../../code/01-blocking-pipe'):gsub('FIGURES', '../../../chapters/figures')
  lib.write(folder .. '/' .. name, text)
end

local function pandoc(words) return lib.output_of('pandoc -M contents=' .. folder .. '/contents.json ' .. words) end

local FORMATS = {
  page = '-d pandoc/html/html.yaml -o %s/page %s/chapters/01-small.md',
  ['whole page'] = '-d pandoc/html/html.yaml -M whole -o %s/whole %s/book.md',
  paper = '-d pandoc/pdf/pdf.yaml -o %s/paper %s/book.md',
  epub = '-d pandoc/epub/epub.yaml -o %s/epub %s/book.md',
}

-- What one of the formats makes of this chapter.
local function made(format, chapter)
  put('chapters/01-small.md', chapter)
  local command = FORMATS[format]:format(folder, folder)
  local said, ok = pandoc(command)
  local file = command:match('%-o (%S+)')
  if not ok then return nil, said end
  if format == 'epub' then return (lib.output_of('unzip -p ' .. file .. " 'EPUB/text/*'")) end
  return lib.read(file), said
end

-- What must stand there; a word of each thing in the chapter.
local MUST = {
  page = { 'class="self">Two', 'class="claim"', ' class="run" ', 'id="blocking_pipe.c-1"', 'data-tick="5"',
    '&lt;out&gt;', '<kbd class="key">^C', 'class="box wrong"', '<summary>Answer', 'class="note"', 'class="right"',
    '<span class="co">/* y */' },
  ['whole page'] = { 'href="#ch-01-small-two"', 'href="#front"', 'id="glossary"', 'id="ch-01-small-term-term"',
    'class="claim"', '<summary>Answer' },
  paper = { '#session(', '(command: "./x")', '(tick: "5", text: "^C<out>")',
    '#listing("01-blocking-pipe/blocking_pipe.c", "The child", ', '#sidebox("wrong")[#as-label[', '#as-tested[',
    '#drawn-run(image("/chapters/figures/', '#footnote[', 'text(9.4pt)[', '#appended[', '#terms(',
    'table.header([a], [b])' },
  epub = { 'class="session"', '<span class="tick">   5 </span>', 'class="listing"', 'class="box wrong"', '(tested)',
    '<figcaption>',
    'class="pointer"', 'class="appended"', 'epub:type="glossary"', 'src="../media/', '#front">the list</a>' },
}

-- Where pandoc ends with status 1 and says this.
local function refuses(name, words, says)
  local said, ok = pandoc(words)
  check(name, not ok and said:find(says, 1, true) ~= nil, said)
end

os.execute(("mkdir -p '%s/chapters'"):format(folder))
put('book.md', BOOK)
local contents = { booktitle = 'Small', lang = 'en-US', contents_section = 'contents',
  contents = { { file = folder .. '/chapters/01-small.md', name = '01-small', number = '1', title = 'Small' } } }
lib.write(folder .. '/contents.json', json.encode(contents))

for format, things in pairs(MUST) do
  local plain, said = made(format, PLAIN)
  check(format, plain, said)
  for _, thing in ipairs(things) do check(format .. ': ' .. thing, plain and plain:find(thing, 1, true), plain) end
  check(format .. ' without the list', format == 'page' or plain and not plain:find('chapters/01', 1, true))
  check(format .. ' of other Markdown', plain == made(format, ODD), 'compare ' .. folder)
  local dos = PLAIN:gsub('\n', '\r\n')
  check(format .. ' of lines that end as in DOS', plain == made(format, dos), 'compare ' .. folder)
end

local FILTER = '-f pandoc/reader.lua -L pandoc/book.lua'
for _, format in ipairs { 'docx', 'latex', 'plain' } do
  refuses(format, ('%s -t %s %s/book.md'):format(FILTER, format, folder), 'write pandoc/' .. format .. '/render.lua')
end
refuses('a page of an EPUB', ('%s -t epub3 %s/book.md'):format(FILTER, folder), 'has no function page')

local page = FORMATS.page:format(folder, folder)
local function mistake(name, from, to, says)
  put('chapters/01-small.md', (PLAIN:gsub(from, to)))
  refuses(name, page, says)
end
mistake('an unknown box', '%*%*Wrong%.', '**Wrog.', 'no box is called "Wrog."; the nearest is "Wrong."')
mistake('a fold without end', '> </details>', '>', 'there is no </details>')
mistake('single quotes', 'c {file=[^}]*}', "{.c fragment='The child'}", 'expected attributes like')
mistake('a link to nowhere', '%[claim%]%(CODE[^)]*%)', '[x](nowhere.md)', 'link to nowhere.md')
mistake('no such picture', '01%-blocking_pipe%.svg', '01-none.svg', 'there is no file chapters/figures/01-none.svg')
mistake('no heading', '# 1%. Small\n', '', 'does not begin with a "# " heading')
contents.lang = 'xx-YY'
lib.write(folder .. '/contents.json', json.encode(contents))
refuses('an unknown language', page, 'write pandoc/words/xx-YY.lua')

print(('test_book: %d passed, %d failed'):format(passed, failed))
os.exit(failed == 0)
