-- check_spelling.lua finds wrong words in text and comments, and says where: lua5.4 check/test_check_spelling.lua
local mini = dofile((arg[0]:match('^.*/') or '') .. 'mini.lua')
local is, has = mini.is, mini.has
local TEXT, SOURCE = 'chapters/01-a.md', 'code/01-a/a.c'

function mini.before()
  mini.write('words.txt', '# right words\nfrobnicate\n')
  mini.write(TEXT, '# Pipe\n\nFrobnicate.\n')
  mini.write(SOURCE, 'int x;\n')
end

local function spelling(name, files, fault)
  mini.test(name, function()
    for path, text in pairs(files) do mini.write(path, text) end
    is((mini.model()), 0)
    local status, out = mini.run('lua5.4 check/check_spelling.lua -w words.txt build %s', SOURCE)
    has(out, fault or ', 0 mistakes')
    is(status, fault and 1 or 0)
  end)
end

spelling('right words', { [TEXT] = '# Pipe\n\nFrobnicate a pipe, `recieve` and its [end](https://example.org/teh). It’s'
  .. ' right.\n\n```\nteh code\n```\n' })
spelling('a wrong word', { [TEXT] = '# Pipe\n\nFrobnicate.\n\n```\nrecieve\n```\n\nYou recieve it.\n' }, TEXT
  .. ':9: recieve')
spelling('a wrong word beside code', { [TEXT] = '# Pipe\n\nFrobnicate `n` when, wehn `n`.\n' }, TEXT .. ':3: wehn')
spelling('in a list in a quote', { [TEXT] = '# Pipe\n\n> - frobnicate\n> - teh end\n' }, TEXT .. ':4: teh')
spelling('in a heading', { [TEXT] = '# Pipe\n\n## Teh pipe\n\nFrobnicate.\n' }, TEXT .. ':3: Teh')
spelling('in the text of another file', { ['README.md'] = '# Read\n\nTeh book.\n' }, 'README.md:3: Teh')
spelling('British', { [TEXT] = '# Pipe\n\nFrobnicate a colour.\n' }, TEXT .. ':3: colour')
spelling('a comment', { [SOURCE] = 'int y;\n\n/* Frobnicate\n * teh pipe. */\nint x;\n' }, SOURCE .. ':4: teh')
spelling('a name in a comment', { [SOURCE] = '// frobnicate xtalk, "a\\nxtalk"\nint xtalk;\n' })
spelling('a string is no comment', { [SOURCE] = '// frobnicate\nchar *x = "teh // teh";\n' })
spelling('a word that nobody uses', { [TEXT] = '# Pipe\n\nNothing.\n' }, 'words.txt: frobnicate: no file has this word')
mini.finish()
