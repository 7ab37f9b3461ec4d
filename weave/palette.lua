-- Every color of the book. Two colors, rust (accent) and slate, and their tints; on pages text on its ground has a
-- contrast of 7:1 or more.
--
--   day, night   a page on screen, and a figure seen alone in the dark
--   sheet        what is set for paper: the PDF, the cover, a figure seen alone
--   print        a page that a browser prints: black on white

local roles = {
  --         day        night      sheet      print
  paper  = { '#fdfcf9', '#181715', '#fff',    '#fff' },
  ink    = { '#23211e', '#ddd8cf', '#000000', '#000' },
  quiet  = { '#524d46', '#b8b1a6', '#524d46', '#333' },
  ground = { '#f5f2eb', '#211f1c', '#f4f1ea', '#fff' }, -- under code
  line   = { '#d9d3c7', '#43403a', '#cfc8ba', '#999' },
  edge   = { '#8a8274', '#857d70', '#8a8274', '#666' }, -- a line that must be seen
  accent = { '#85260f', '#f2a48b', '#85260f', '#000' },
  tint   = { '#faeae1', '#33231c', '#faeae1', '#fff' },
  slate  = { '#1d4768', '#9cc4e4', '#1d4768', '#000' },
}

local M = { day = {}, night = {}, sheet = {}, print = {} }
for role, color in pairs(roles) do
  M.day[role], M.night[role], M.sheet[role], M.print[role] = table.unpack(color)
end
return M
