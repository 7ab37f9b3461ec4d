-- The dialect of the book, for every reader: what pandoc 2.17 and 3.x both know, and what repository viewers show.
return 'commonmark_x-tex_math_dollars-emoji+yaml_metadata_block'
