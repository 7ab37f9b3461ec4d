-- Take the comments and the indentation out of a style sheet or a script, for the page to weigh less:
--   lua5.4 pandoc/html/lighten.lua X.css >Y.css
local file = assert(io.open(arg[1], 'rb'))
local text = file:read('a')
file:close()
if arg[1]:match('%.css$') then
  text = text:gsub('/%*.-%*/', ''):gsub('%s+', ' '):gsub(' ?([{};,]) ?', '%1'):gsub(': ', ':')
else -- only whole lines: what stands behind code may be part of a string
  text = ('\n' .. text):gsub('\n[ \t]+', '\n'):gsub('\n//[^\n]*', ''):gsub('\n/%*.-%*/', ''):gsub('\n+', '\n')
end
io.write((text:gsub('^%s+', '')))
