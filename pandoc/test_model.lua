-- Tests of model.lua and model_book.lua: lua5.4 pandoc/test_model.lua
-- Each makes the model of a small book. Legal Markdown in any form gives the same model, or an error with file and
-- line.

local mini = dofile((arg[0]:match('^.*/') or '') .. '../check/mini.lua')
local is, has, lacks, test, write = mini.is, mini.has, mini.lacks, mini.test, mini.write

local FILE = 'chapters/01-pipe.md'
local TEST = '../code/01-pipe/test_pipe.c'

function mini.before()
  write('code/01-pipe/test_pipe.c', 'int main;\n')
  write('chapters/figures/run.svg', '<svg/>\n')
end

-- The model of one chapter with this text below its heading, which is line 1.
local function chapter(text)
  write(FILE, '# Pipe\n' .. text)
  return mini.book().files[2]
end

-- What a chapter's list has: of each entry its line, last line, and what `show` says of it.
local function seen(text, list, show)
  local out = {}
  for i, entry in ipairs(chapter(text)[list]) do
    out[i] = ('%d%s %s'):format(entry.line, entry.last and '-' .. entry.last or '', show(entry))
  end
  return table.concat(out, '\n')
end

local function listings(text) return seen(text, 'listings', function(e) return e.file .. ' ' .. e.fragment end) end
local function claims(text) return seen(text, 'claims', function(e) return e.test .. ': ' .. e.text end) end

-- Each of these complaints, `LINE: message`, is made of this text, which begins on line 2 of the chapter, and no other.
local function complains(text, ...)
  write(FILE, '# Pipe\n' .. text)
  local status, err = mini.model()
  is(status, 1)
  local wanted = { ... }
  for _, complaint in ipairs(wanted) do has(err, FILE .. ':' .. complaint) end
  if select(2, err:gsub('\n[^\n]*%.md:', '')) + 1 ~= #wanted then
    error(('wanted %d complaints, found\n%s'):format(#wanted, err), 0)
  end
end

-- The same in any form

local CODE = [[
```c {file="a.c" fragment="The child"}
x
```

```c {fragment="The child" file="a.c"}
x
```

``` {.c file=a.c fragment="The child"}
x
```

~~~~ { #id .c .numberLines	fragment="The child" file="a.c" }
x
~~~
~~~~~
```c{file="a.c" fragment="The child"}
```

   ```c {.numberLines file="a.c" fragment="The child"}

   ```

{file="a.c" fragment="The child"}
```c
x


```

- ```c {file="a.c" fragment="The child"}
  x
  ```

  > 1. > ```c {file="a.c" fragment="The child"}
  >    > x
  >    >
  >    > ```
  > text
- tight
  ```c {file="a.c" fragment="The child"}
  x
  ```

> text
> ```c {file="a.c" fragment="The child"}
> ~~~c
> ```
> ~~~c {file="a.c" fragment="The child"}
> ```c
> ~~~
>> ```c {file="a.c" fragment="The child"}
>>```]]

local CODE_AT = '2-4 6-8 10-12 14-17 18-19 21-23 26-30 32-34 36-39 42-44 47-49 50-52 53-54'

test('code with a fragment, in any form, with the lines of its fences', function()
  local found = listings(CODE .. '\n')
  is((found:gsub(' a%.c The child\n?', ' '):gsub(' $', '')), CODE_AT)
end)

test('the same with carriage returns, and without a last newline', function()
  is((listings((CODE .. '\n'):gsub('\n', '\r\n')):gsub(' a%.c The child\n?', ' '):gsub(' $', '')), CODE_AT)
  is((listings(CODE):gsub(' a%.c The child\n?', ' '):gsub(' $', '')), CODE_AT)
end)

test('sessions and other code', function()
  is(seen('``` {.console run="01-pipe/pipe"}\n$ ls\n```\n\n~~~console {run=01-pipe/pipe}\n~~~\n', 'sessions',
    function(e) return e.run end), '2-4 01-pipe/pipe\n6-7 01-pipe/pipe')
  is(seen('    indented\n\n    more\n\n```\n```\n~~~ sh\nls\n~~~\n\n````markdown\n```c\n```\n````\n', 'code',
    function(e) return e.language end), '2-4 \n6-7 \n8-10 sh\n12-15 markdown')
end)

test('claims, in any form, with the lines where they begin', function()
  is(claims(([[
[double](TEST "a_test") and [single](TEST 'a_test')
and [parentheses](TEST (a_test)) and [a link
over two lines](TEST
"a_test") and [a title in lines](TEST "
a_test
")
and [a *reference*, `with code`][r], [r], [R][], [angle](<TEST> "a_test").

[r]: TEST
  'a_test'

- | is [not a table](TEST "a_test")

| a | [a head](TEST "a_test") |
|---|---|
| `b` | [a cell](TEST "a_test") |

Setext [heading](TEST "a_test")
=======

> **Predict.** [in a box](TEST "a_test")
> text[^note]

[^note]: text
    [a note](TEST "a_test")
]]):gsub('TEST', TEST)), [[
2 a_test: double
2 a_test: single
3 a_test: parentheses
3 a_test: a link over two lines
5 a_test: a title in lines
8 a_test: a reference, with code
8 a_test: r
8 a_test: R
8 a_test: angle
13 a_test: not a table
15 a_test: a head
17 a_test: a cell
19 a_test: heading
22 a_test: in a box
26 a_test: a note]])
end)

test('a title with blanks and parentheses stays as it is', function()
  is(claims(('[a](%s "has (parentheses) in  it")\n'):format(TEST)), '2 has (parentheses) in it: a')
end)

test('headings, in both forms, with their ids', function()
  local sections = seen('\nTwo\nlines\n---\n\n## Two `lines` {#own}\n\n### Two lines ###\n', 'sections', function(e)
    return e.level .. ' ' .. e.title .. ' ' .. e.id
  end)
  is(sections, '1 1 Pipe pipe\n3 2 Two lines two-lines\n7 2 Two lines own\n9 3 Two lines two-lines-1')
end)

test('boxes: the label is the same in any form', function()
  is(seen('> **Predict.** a\n\n> __Predict.__\n> a\n\n>**In Python.** a\n\n- > **Wrong.** a\n\n> **Wrong.**\n>\n> a\n',
    'boxes',
    function(e) return e.kind end), '2 predict\n4 predict\n7 in-python\n9 wrong\n11 wrong')
end)

test('folds, on one line or two', function()
  local one, two = '<details><summary>Answer</summary>', '<details open>\n<summary>Answer</summary>'
  for _, fold in ipairs { one, two } do
    is(#chapter(fold .. '\n\ntext\n\n</details>\n\n- a\n\n  ' .. fold:gsub('\n', '\n  ')
      .. '\n\n  b\n\n  </details>\n').paragraphs, 4)
  end
end)

test('figures, alone in their paragraph or item', function()
  is(seen('![a *caption*](figures/run.svg)\n\n[r]: figures/run.svg\n\n- text\n\n  ![b][r]\n', 'figures',
    function(e) return e.src .. ' ' .. e.caption end),
      '2 chapters/figures/run.svg a caption\n8 chapters/figures/run.svg b')
end)

test('exercises, and what stands in them', function()
  local text = '\n## Exercises\n\n1. **One** (5 minutes) is `short`.\n2. **Two.** Long, (1 minute)\n'
    .. '   and longer.\n\n## Further\n\n- more\n'
  is(seen(text, 'exercises', function(e) return e.name .. ' ' .. e.minutes end), '5 One 5\n6 Two. 1')
  is(seen(text, 'paragraphs', function(e) return e.place end),
    '1 text\n3 exercise\n5 exercise\n6 exercise\n9 further\n11 further')
end)

test('each row of a table, each line of a list has its own line', function()
  local text = '\n| a | b |\n|---|---|\n| c |   |\n\n1. d\n2. e\n\n3. f\n   - g\n'
  is(seen(text, 'paragraphs', function(e) return e.tag .. e.text end),
    '1 hPipe\n3 tda\n3 tdb\n5 tdc\n7 lid\n8 lie\n10 lif\n11 lig')
end)

test('terms, words of code, and the sentence around a term', function()
  local found = chapter('\nA *line*. A **pipe** has "two" `ends`.[^n] More.\n\n[^n]: `note`\n')
  is(found.terms[1].term .. ': ' .. found.terms[1].sentence, 'pipe: A pipe has “two” ends.')
  is(found.paragraphs[2].codes[1], 'ends')
  is(#found.paragraphs[2].codes, 1)
  is(found.paragraphs[3].place .. found.paragraphs[3].tag .. found.paragraphs[3].codes[1], 'textnotenote')
end)

test('book.md: its title block, its list in another form, and chapters in its order', function()
  write('chapters/02-b.md', '# 2. "B"\n')
  write(FILE, 'Pipe\n====\n')
  write('book.md',
    ("---\ntitle: >\n  Two\n  lines\nlang: 'en-GB'\n...\n# Front\n\n* [2. \"B\"][b]\n"
      .. "* [Pipe](./chapters/01-pipe.md)\n\n"
    .. '[b]: <chapters/02-b.md>\n'):gsub('\n', '\r\n'))
  local book = mini.book()
  is(book.title .. book.lang, 'Two linesen-GB')
  is(book.files[2].name .. book.files[2].number .. book.files[2].title, '02-b2“B”')
  is(book.files[3].title, 'Pipe')
  is(mini.run('lua5.4 pandoc/model_book.lua --contents build'), 0)
  has(mini.read('build/contents.json'), '"booktitle":"Two lines"')
end)

test('what says the same is not written again', function()
  write(FILE, '# Pipe\n')
  mini.book()
  mini.run('ln build/book.json build/before')
  write(FILE, '# Pipe\n\n')
  mini.book()
  is(mini.run('test build/book.json -ef build/before'), 0)
  write(FILE, '# Pipe\n\ntext\n')
  mini.book()
  is(mini.run('test build/book.json -ef build/before'), 1)
end)

-- What is wrong

test('code without its fragment or run', function()
  complains([[
```c
x
```

~~~C
~~~

```{.numberLines .C}
```

```c {file="a.c"}
```

```c {fragment="x"}
```

- ```c {file="a.c"
  fragment="x"}
  ```

> ```c {file='a.c' fragment='x'}
> ```

``` {.c file='a.c' fragment='x'}
```

```c file="a.c" fragment="x"
```

```c {file="a.c" fragment="x" run="y"}
```

```cpp {file="a.c" fragment="x"}
```

```console
$ ls
```

```console {run='01-pipe/pipe'}
```

```text {run="01-pipe/pipe"}
```

text[^n]

[^n]: note

    ```c {file="a.c" fragment="x"}
    ```

-	```c {file="a.c" fragment="x"}
	x
	```
]], '2: a C block names its fragment: expected c {file="..." fragment="..."}', '6: a C block', '9: a C block',
  '12: a C block',
    '15: a C block', '18: a C block', '22: a C block',
    '25: expected attributes as c {file="..." fragment="..."}, with double quotes',
    '28: a C block', '31: a C block', '34: expected a c or console block, found "cpp"',
    '37: a console block names its recorded run', '41: a console block',
    '44: expected a c or console block, found "text"',
    '47: code is not woven into a note', '54: expected a fence here, after blanks and not a tab')
end)

test('fences that are not closed: at the end, or by what holds them', function()
  local C = '```c {file="a.c" fragment="x"}\n'
  complains('> ' .. C .. '> x\n\n- ' .. C
    .. '  x\n\n  y\n\ntext\n\n> ~~~sh\n> ```\n> ~~~~x\ntext\n\n1. > ```\n>```\n\n' .. C .. 'x\n``\n~~~\n    ```\n',
    '2: this fence is not closed: expected ```', '5: this fence', '12: this fence is not closed: expected ~~~',
    '17: this fence',
    '18: this fence', '20: this fence')
  for _, text in ipairs { '```', '```sh\n', '```\n\n', '~~~\n\n\n', '```sh\nls\n\n' } do
    complains(text, '2: this fence is not closed')
  end
end)

test('boxes: an unknown label suggests the nearest', function()
  complains('> **Predit.** a\n\n- > **predict.** a\n\n> **Predict**. a\n\n> **Predict:** a\n\n> **“Wrong.”** a\n\n'
    .. '> **Note.**\n',
    '2: no box is called "Predit."; the nearest is "Predict."',
    '4: no box is called "predict."; the nearest is "Predict."',
    '6: no box is called "Predict"', '8: no box is called "Predict:"',
    '10: no box is called "“Wrong.”"; the nearest is "Wrong."',
    '12: no box is called "Note."; the nearest is "')
end)

test('folds: each ends in the box or item where it begins', function()
  complains([[
</details>

<details><summary>Answer</summary>

> </details>

- <details>
  <summary>Answer</summary>

text

<details>

<summary>Answer</summary>

<details><summary>Answer</summary>
text
</details>
]], '2: this </details> has no <details>', '4: this <details> has no </details>', '6: this </details> has no <details>',
    '8: this <details> has no </details>', '13: raw HTML is only', '15: raw HTML is only', '17: raw HTML is only')
end)

test('raw HTML, other formats, and what the book does not have', function()
  complains([[
a <kbd>Ctrl</kbd> <b>b</b> <!-- c -->
and <d>

- e
- `<f>` <f/>

| a |
|---|
| <g> |

<div>
h
</div>

`i`{=html}

```{=latex}
\j
```

Term
: text

***

text

~ more
  more


::: k
text
:::

{.l}
text

text ![m](figures/run.svg)

<!-- a comment
     in lines -->

***

[^n]: note <n>

    <div>

text[^n]
]], '2: <b> would be taken for HTML and vanish; write it as code', '2: </b> would', '3: <d> would', '6: <f/> would',
  '10: <g> would',
    '12: raw HTML is only <details>', '16: i would', '18: the book has no latex',
    '22: after text, a line that begins with : or ~', '27: after text', '33: the book has no fenced block',
    '38: the book has no fenced block',
    '40: a picture stands alone in its paragraph: figures/run.svg', '47: <n> would', '51: raw HTML is only')
end)

test('a fence of tildes after text is code, or an error: pandoc 2.17 takes it for a definition', function()
  write(FILE, '# Pipe\n\ntext\n\n~~~c {file="a.c" fragment="x"}\n~~~\n')
  local status, err = mini.model()
  if status == 0 then return is(mini.book().files[2].listings[1].line, 5) end
  is(err, FILE
    .. ':3: after text, a line that begins with : or ~ is a definition; the book has none, and its fences are ```\n')
end)

test('tables: where they begin and end', function()
  complains('<!-- end of table -->\n\n<!-- table: a -->\n\n<!-- table: b -->\n\n<!-- end of table -->\n\n'
    .. '> <!-- table: c -->\n>\n> <!-- end of table -->\n',
    '2: no table ends here', '4: the table a has no <!-- end of table -->',
    '10: a table is not woven into a box or a list')
end)

test('pictures that are not there', function()
  complains('\n![a](figures/no.svg)\n\n- ![b](../no.svg)\n', '3: there is no picture chapters/figures/no.svg', '5: ')
end)

test('what was meant to be a link', function()
  complains(('[a](%s (paren (title))\n\n[b][undefined] and\n\n- c[^undefined]\n\n'
    .. '`[d][e]` and [f] and a[1] are none\n'):format(TEST),
    '2: this is no link and no note, but brackets: [a](../code/01-pipe/test_pipe.c',
    '4: this is no link and no note, but brackets: [b][undefined]',
    '6: this is no link and no note, but brackets: [^undefined]')
end)

test('links to what is not there, each on its own line', function()
  write('chapters/02-b.md', '# B\n\n## Part\n')
  complains([[

[a](02-b.md), [a](02-b.md#part), [a](#pipe), [a](https://example.org/), [a](../code/01-pipe/test_pipe.c),
[a](../book.md#mini), [b](03-c.md)

- [c](02-b.md#no)
- [d][d] and
  [e](#no "title")

[d]: ../code/01-pipe/no.c

| a |
|---|
| [f](../README.md) |

text[^n]

[^n]: [g](../no)
]], '4: link to chapters/03-c.md: the book has no page for it',
  '6: link to chapters/02-b.md#no: it has no such section',
    '7: link to code/01-pipe/no.c: there is no such file', '8: link to chapters/01-pipe.md#no: it has no such section',
    '14: link to README.md: the book has no page for it', '18: link to no: the book has no page for it')
end)

test('links of a page of the repository', function()
  write(FILE, '# Pipe\n\n## Part\n')
  write('README.md',
    '# Read me\n\n[a](book.md), [b](chapters/), [c](chapters/01-pipe.md#part)\n'
    .. '[d](chapters/01-pipe.md#no) and [e](no.md) and [f](#no)\n')
  local status, err = mini.model()
  is(status, 1)
  has(err,
    'README.md:4: link to chapters/01-pipe.md#no: it has no such section\n'
    .. 'README.md:4: link to no.md: there is no such file\n')
  lacks(err, 'README.md:3')
end)

test('the list of chapters and the chapters', function()
  write(FILE, 'text\n')
  write('chapters/02-b.md', '# B\n')
  write('chapters/03-c.md', '# C\n')
  write('book.md',
    '---\ntitle: T\nlang: en\n---\n\n- [1. Pipe](chapters/01-pipe.md)\n- [B.](chapters/02-b.md)\n'
    .. '- [D](chapters/04-d.md)\n'
    .. '- [B](chapters/02-b.md)\n- [E](chapters/e/e.md)\n')
  local status, err = mini.model()
  is(status, 1)
  is(err,
    'book.md:8: contents: there is no file chapters/04-d.md\n'
    .. 'book.md:9: contents: chapters/02-b.md is already on line 7\n'
    .. 'book.md:10: contents: chapters/e/e.md is not chapters/some-name.md\n'
    .. 'chapters/01-pipe.md:1: does not begin with a "# " heading\n'
    .. 'book.md:7: contents: "B.", but chapters/02-b.md says "B"\n'
    .. 'chapters/03-c.md:1: is not in the list of chapters in book.md\n')
  is(mini.run('lua5.4 pandoc/model_book.lua --contents build'), 1)
  is(mini.read('build/contents.json'), nil)
end)

test('a list of chapters with something else in it, and none at all', function()
  write(FILE, '# Pipe\n')
  local head = '---\ntitle: T\nlang: en\n---\n\n'
  write('book.md', head .. '- [Pipe](chapters/01-pipe.md)\n- [B](chapters/02-b.md) (new)\n')
  local _, err = mini.model()
  is(err, 'book.md:7: an item of the list of chapters is a link to one, and nothing else\n')
  write('book.md', head .. '1. [Pipe](chapters/01-pipe.md)\n')
  _, err = mini.model()
  has(err, 'book.md:1: has no list of chapters')
end)

test('title blocks', function()
  write(FILE, '# Pipe\n')
  local rest = '\n- [Pipe](chapters/01-pipe.md)\n'
  for block, complaint in pairs {
    ['---\ntitle: a: b\nlang: en\n---\n'] = '2: the title block: mapping values are not allowed',
    ['---\ntitle: a\n lang: en\n---\n'] = '3: the title block: mapping values are not allowed',
    ['---\ntitle: [a\nlang: en\n---\n'] = ':',
    ['---\ntitle: a\nlang: en\n'] = '1: expected a title block with title: and lang:',
    ['---\ntitle: a\nlan: en\n---\n'] = '1: expected a title block',
    ['\n---\ntitle: a\nlang: en\n---\n'] = '1: expected a title block',
    ['# Title\n'] = '1: expected a title block',
    ['---\ntitle: a\nlang: xx-YY\n---\n'] = '1: no words for the language "xx-YY"',
  } do
    write('book.md', block .. rest)
    local status, err = mini.model()
    is(status, 1)
    has(err, 'book.md:' .. complaint:gsub('^:', ''))
  end
end)

test('a file with a mistake leaves no model; bad usage is status 2', function()
  write(FILE, '# Pipe\n\n> **No.**\n')
  is((mini.model()), 1)
  is(mini.read('build/model/01-pipe.json'), nil)
  is(mini.run('lua5.4 pandoc/model_book.lua'), 2)
  is(mini.run('lua5.4 pandoc/model_book.lua --content build'), 2)
end)

mini.finish()
