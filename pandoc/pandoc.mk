# How Markdown becomes a book: pages, PDF, EPUB.

##   make html        the pages only
.PHONY: html pdf epub
pdf: $B/interrupted.pdf $B/interrupted-letter.pdf
epub: $B/interrupted.epub

figures := $(wildcard chapters/figures/*)
shown   := $(sources) $(headers) $(scripts)
pages   := $B/html/index.html $(chapters:chapters/%.md=$B/html/%.html)
assets  := $(shown:%=$B/html/%.txt) $(figures:chapters/%=$B/html/%)
html: $(pages) $B/html/book.html $B/html/.programs $(assets) $B/html/style.css $B/html/script.js $B/html/search-index.js

# A page is made from its own chapter and the list of chapters in book.md: touching a chapter makes one page, and the
# book on one page. (The numbers of the lines come from code/.)
page_parts := pandoc/html/html.yaml pandoc/html/page.html pandoc/html/nav.html pandoc/book.lua weave/source.lua pandoc/html/highlight.lua
$B/html/index.html: book.md $(page_parts)
$(chapters:chapters/%.md=$B/html/%.html): $B/html/%.html: chapters/%.md book.md $(page_parts) $(figures)
$(foreach c,$(chapters),$(eval $(c:chapters/%.md=$B/html/%.html): $(wildcard $(c:chapters/%.md=code/%)/*.[ch])))
$(pages):
	@mkdir -p $(@D)
	pandoc -d pandoc/html/html.yaml $< -o $@
$B/html/book.html: book.md $(chapters) $(page_parts) $(figures) $(shown)
	@mkdir -p $(@D)
	pandoc -d pandoc/html/html.yaml -M whole --toc-depth=3 $< -o $@

# The pages of the programs, all in one run; which chapter shows which fragment seldom changes.
$B/html/.programs: $(shown) $B/fragments pandoc/html/program.lua weave/source.lua pandoc/html/highlight.lua pandoc/html/page.html book.md
	@mkdir -p $(@D)
	@echo "pandoc/html/program.lua: the pages of the programs"
	@$(LUA) pandoc/html/program.lua $B/html $B/fragments $(shown)
	@touch $@
$B/fragments: $(chapters) pandoc/html/program.lua
	@mkdir -p $(@D)
	@$(LUA) pandoc/html/program.lua --fragments $(chapters) >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$B/html/style.css $B/html/script.js: $B/html/%: pandoc/html/% pandoc/html/lighten.lua
	@mkdir -p $(@D)
	@$(LUA) pandoc/html/lighten.lua $< >$@
$(shown:%=$B/html/%.txt): $B/html/%.txt: %
$(figures:chapters/%=$B/html/%): $B/html/%: chapters/%
$(assets):
	@mkdir -p $(@D)
	@cp $< $@

# One run makes minisearch.js, search-index.js and search-text.js, after all pages.
$B/html/search-index.js: $(pages) $B/html/.programs pandoc/html/search.mjs pandoc/html/search.js $(wildcard code/*/restarts-*.txt)
	@node pandoc/html/search.mjs $B/html

listed := $(sources) $(wildcard code/*/*.h)
$B/interrupted.epub: book.md $(chapters) $(figures) $(listed) pandoc/epub/epub.yaml pandoc/epub/epub.css pandoc/epub/cover.svg pandoc/book.lua weave/source.lua pandoc/html/highlight.lua pandoc/appendix.lua
	@mkdir -p $(@D)
	pandoc -d pandoc/epub/epub.yaml book.md -o $@

$B/interrupted.typ: book.md $(chapters) $(figures) $(listed) pandoc/pdf/pdf.yaml pandoc/pdf/typst.lua pandoc/pdf/book.typ pandoc/book.lua weave/source.lua pandoc/html/highlight.lua pandoc/appendix.lua
	@mkdir -p $(@D)
	pandoc -d pandoc/pdf/pdf.yaml book.md -o $@
typeset := pandoc/pdf/typst.mjs pandoc/pdf/c.sublime-syntax pandoc/pdf/code.tmTheme
$B/interrupted.pdf: $B/interrupted.typ $(figures) $(typeset)
	node pandoc/pdf/typst.mjs $< $@
$B/interrupted-letter.pdf: $B/interrupted.typ $(figures) $(typeset)
	node pandoc/pdf/typst.mjs $< $@ us-letter
