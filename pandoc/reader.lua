-- The dialect of the book, for every reader: what pandoc 2.17 and 3.x both know, and what repository viewers show.
-- `from: pandoc/reader.lua` reads it; dofile of this gives its name.
local form = 'commonmark_x-tex_math_dollars-emoji+yaml_metadata_block'

function Reader(sources) return pandoc.read(tostring(sources), form) end

return form
