# How Markdown becomes a book: pages, PDF, EPUB.

##   make html        the pages only; make pdf, make epub: these
.PHONY: html pdf epub
pdf: $B/interrupted.pdf $B/interrupted-letter.pdf
epub: $B/interrupted.epub

figures := $(wildcard chapters/figures/*)
# The filter, what it reads, and the whole book.
filter := pandoc/book.lua pandoc/appendix.lua pandoc/reader.lua pandoc/words.lua $(wildcard pandoc/words/*.lua) \
	weave/lib.lua weave/source.lua pandoc/html/highlight.lua $B/contents.json
whole  := book.md $(chapters) $(figures) $(sources) $(headers) $(scripts) $(filter)

# What has colors or words to be filled in.
filled := $B/html/style.css $B/html/script.js $B/search.js $B/code.tmTheme $B/cover.svg
$B/html/style.css: pandoc/html/style.css
$B/html/script.js: pandoc/html/script.js
$B/search.js: pandoc/html/search.js
$B/code.tmTheme: pandoc/pdf/code.tmTheme
$B/cover.svg: pandoc/epub/cover.svg
$(filled): pandoc/fill.lua weave/palette.lua pandoc/words.lua $(wildcard pandoc/words/*.lua) weave/lib.lua \
	$B/contents.json
$(filled):
	@mkdir -p $(@D)
	@$(LUA) pandoc/fill.lua $B/contents.json $< >$@

include pandoc/html/html.mk

# pandoc 3 makes the same EPUB from the same book when SOURCE_DATE_EPOCH says when; 2.17 writes the time of the run.
$B/interrupted.epub: $(whole) pandoc/epub/epub.yaml pandoc/epub/epub.css pandoc/epub/render.lua $B/cover.svg
	@mkdir -p $(@D)
	pandoc -d pandoc/epub/epub.yaml book.md -o $@

$B/interrupted.typ: $(whole) $B/code.json weave/palette.lua \
	$(addprefix pandoc/pdf/,pdf.yaml typst.lua book.typ render.lua)
	@mkdir -p $(@D)
	pandoc -d pandoc/pdf/pdf.yaml book.md -o $@
typeset := pandoc/pdf/typst.mjs pandoc/pdf/c.sublime-syntax $B/code.tmTheme
$B/interrupted.pdf: $B/interrupted.typ $(figures) $(typeset)
	node pandoc/pdf/typst.mjs $< $@
$B/interrupted-letter.pdf: $B/interrupted.typ $(figures) $(typeset)
	node pandoc/pdf/typst.mjs $< $@ us-letter

##   make check-filter  a small book is made right in every format, in whatever form its Markdown is
.PHONY: check-filter
check: check-filter
check-filter: $(filter) $B/cover.svg $B/code.json
	@$(LUA) pandoc/test_book.lua $B >$B/check-filter.log 2>&1 || { cat $B/check-filter.log; exit 1; }
	@tail -n 1 $B/check-filter.log
