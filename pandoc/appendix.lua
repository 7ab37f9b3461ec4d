-- What the book puts at its end: the answers and hints, and the glossary. book.lua calls this.
--
-- An answer or a hint becomes a Div of class `appended`, which begins with a Div of class `to`: what it belongs to, and
-- a link back. Links and pointers are the renderer's: see book.lua.

local M = {}
local stringify = pandoc.utils.stringify

-- The glossary --------------------------------------------------------------

-- A term is bold where it is defined, in a paragraph of text. What else is bold begins with a capital (the name of an
-- exercise), ends like a sentence (the label of a box), or stands in a table or a list.
local function term_of(inline)
  if inline.t ~= 'Strong' or inline.content[1].t ~= 'Str' then return end
  local term = stringify(inline)
  if term:match('[.?!:,]$') or not (term:match('^%l') or term:match('^%u%u+$')) then return end
  return term
end

local function is_space(inline) return inline == nil or inline.t == 'Space' or inline.t == 'SoftBreak' end

-- Does a sentence end with inline i? (A note may stand behind its full stop.)
local function ends_sentence(inlines, i)
  local inline = inlines[i]
  if inline.t == 'Note' then return i > 1 and is_space(inlines[i + 1]) and ends_sentence(inlines, i - 1) end
  if inline.t ~= 'Str' or not inline.text:match('[.?!][)”’]*$') then return false end
  local next_one = inlines[i + 1]
  return is_space(next_one) or next_one.t == 'Note'
end

local function start_of_sentence(inlines, i)
  local first = i
  while first > 1 and not ends_sentence(inlines, first - 1) do first = first - 1 end
  while first < i and is_space(inlines[first]) do first = first + 1 end
  return first
end

-- Does a sentence that begins with this word need the one before it?
local function leans(word, words) return (' ' .. words.leaning .. ' '):find(' ' .. word .. ' ', 1, true) ~= nil end

-- The sentence around inline i, as text to stand alone: no links, notes or ids.
local function sentence_around(inlines, i, words)
  local first, last = start_of_sentence(inlines, i), i
  local before = first - 1
  while before > 0 and (is_space(inlines[before]) or inlines[before].t == 'Note') do before = before - 1 end
  if before > 0 and inlines[first].t == 'Str' and leans(inlines[first].text, words) then
    first = start_of_sentence(inlines, before)
  end
  while last < #inlines and not ends_sentence(inlines, last) do last = last + 1 end
  local out = pandoc.Inlines {}
  for k = first, last do out:insert(inlines[k]) end
  out = pandoc.walk_block(pandoc.Plain(out), {
    Note = function() return {} end,
    Link = function(link) return link.content end,
    Span = function(span) return span.content end,
    SoftBreak = function() return pandoc.Space() end,
  }).content
  local open, close = stringify(out):match('^%('), stringify(out):match('%)$')
  if open and close and out[1].t == 'Str' and out[#out].t == 'Str' then -- a whole sentence in parentheses
    out[1] = pandoc.Str(out[1].text:sub(2))
    out[#out] = pandoc.Str((out[#out].text:gsub('%)$', '')))
  end
  return out
end

local function id_of(term) return 'term-' .. term:lower():gsub('[^%w]+', '-') end

-- The terms that these blocks define, in their order: { term, sentence, id }. And the blocks, in which each of these
-- terms has got its id.
function M.terms(blocks, words)
  local found, seen = {}, {}
  local function para(para)
    local changed = false
    for i, inline in ipairs(para.content) do
      local term = term_of(inline)
      if term and not seen[term] then
        seen[term] = true
        table.insert(found, { term = term, sentence = sentence_around(para.content, i, words), id = id_of(term) })
        para.content[i] = pandoc.Span(inline, { id = id_of(term), class = 'term' })
        changed = true
      end
    end
    if changed then return para end
  end
  blocks = pandoc.walk_block(pandoc.Div(blocks), { Para = para }).content
  return found, blocks
end

-- The list of terms, sorted; a term that two chapters define has both. Each entry has, from the caller, a link to it.
function M.glossary(terms)
  local of, names = {}, {}
  for _, entry in ipairs(terms) do
    if not of[entry.term] then
      of[entry.term] = {}
      table.insert(names, entry.term)
    end
    table.insert(of[entry.term], entry)
  end
  table.sort(names, function(a, b) return a:lower() < b:lower() end)
  local items = {}
  for _, name in ipairs(names) do
    local definitions = {}
    for _, entry in ipairs(of[name]) do
      local text = pandoc.Inlines {}
      text:extend(entry.sentence)
      text:insert(pandoc.Space())
      text:insert(entry.link)
      table.insert(definitions, { pandoc.Para(text) })
    end
    table.insert(items, { pandoc.Inlines { pandoc.Str(name) }, definitions })
  end
  return pandoc.DefinitionList(items)
end

-- Answers and hints ---------------------------------------------------------

-- The words that end 'Hint: what to do', or nil.
local function about(words, summary) return summary:match('^' .. words.hint .. ': (.*)') end

-- 'Answer', 'Hint' and 'Hint: what to do' go to the appendix; what else was folded is part of the text.
function M.takes(words, summary)
  return summary == words.answer or summary == words.hint or about(words, summary) ~= nil
end

-- Take the folded answers out of a chapter's blocks. Returns the blocks, with a pointer in the place of each answer,
-- and the answers, in their order, with the way back.
function M.answers(blocks, prefix, words, render)
  local out, section, exercise = pandoc.Blocks {}, '', nil

  -- The pointer to it, or nil if that stands at the end of the paragraph above.
  local function move(fold, above)
    local id = prefix .. '-answer-' .. #out + 1
    local summary = fold.attributes.summary
    local what = about(words, summary)
    local label = what and what:gsub('^%l', string.upper) or exercise or section
    local answer = pandoc.Blocks { pandoc.Div({ pandoc.Para { pandoc.Strong(label), pandoc.Space(),
      render.back_link(id .. '-back') } }, { class = 'to' }) }
    answer:extend(fold.content)
    out:insert(pandoc.Div(answer, { id = id, class = 'appended' }))
    local ends_paragraph = not what and above and (above.t == 'Para' or above.t == 'Plain')
    return render.pointer(render.answer_link(summary, id), id .. '-back', ends_paragraph and above or nil)
  end

  local gather
  local function items(list)
    local made = {}
    for i, item in ipairs(list.content) do
      local first = item[1] and item[1].content and item[1].content[1]
      exercise = first and first.t == 'Strong' and stringify(first) or nil
      made[i] = gather(item)
    end
    exercise = nil
    list.content = made
    return list
  end

  function gather(blocks)
    local kept = pandoc.Blocks {}
    for _, block in ipairs(blocks) do
      if block.t == 'Header' then section = stringify(block) end
      if block.t == 'Div' and block.classes:includes('fold') then
        block = move(block, kept[#kept])
      elseif block.t == 'Div' then
        block.content = gather(block.content)
      elseif block.t == 'OrderedList' or block.t == 'BulletList' then
        block = items(block)
      end
      if block then kept:insert(block) end
    end
    return kept
  end

  return gather(blocks), out
end

return M
