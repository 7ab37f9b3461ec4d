# How Markdown becomes a book: pages, PDF, EPUB.

##   make html        the pages only
.PHONY: html pdf epub
pdf: $B/interrupted.pdf $B/interrupted-letter.pdf
epub: $B/interrupted.epub

figures := $(wildcard chapters/figures/*)
shown   := $(sources) $(headers) $(scripts)
pages   := $B/html/index.html $(chapters:chapters/%.md=$B/html/%.html)
assets  := $(shown:%=$B/html/%.txt) $(figures:chapters/%=$B/html/%)
html: $(pages) $B/html/book.html $B/html/.programs $(assets) $B/html/style.css $B/html/script.js $B/html/search-index.js prune-html

filter := pandoc/book.lua pandoc/appendix.lua pandoc/reader.lua pandoc/words.lua $(wildcard pandoc/words/*.lua) \
	weave/lib.lua weave/source.lua pandoc/html/highlight.lua $B/contents.json
whole  := book.md $(chapters) $(figures) $(shown) $(filter)

# A page is made from its own chapter and the list of all: touching a chapter makes one page, and the book on one page.
# (The numbers of the lines come from code/.)
page_parts := pandoc/html/html.yaml pandoc/html/page.html pandoc/html/nav.html pandoc/html/render.lua
$B/html/index.html: book.md
$(chapters:chapters/%.md=$B/html/%.html): $B/html/%.html: chapters/%.md $(figures)
$(foreach c,$(chapters),$(eval $(c:chapters/%.md=$B/html/%.html): $(wildcard $(c:chapters/%.md=code/%)/*.[ch])))
$(pages): $(filter) $(page_parts)
$(pages):
	@mkdir -p $(@D)
	pandoc -d pandoc/html/html.yaml $< -o $@
$B/html/book.html: $(whole) $(page_parts)
	@mkdir -p $(@D)
	pandoc -d pandoc/html/html.yaml -M whole $< -o $@

# A page, a figure, a program that is gone has no page any more.
.PHONY: prune-html
prune-html:
	@mkdir -p $B/html
	@printf '%s\n' $(pages) $B/html/book.html $(assets) $(shown:%=$B/html/%.html) | sort >$B/html/.wanted
	@find $B/html -name '*.html' -o -path '*/code/*' -type f -o -path '*/figures/*' -type f | sort | comm -23 - $B/html/.wanted | \
		while IFS= read -r gone; do rm -f "$$gone"; done

# What has colors or words to be filled in.
filled := $B/html/style.css $B/html/script.js $B/code.tmTheme $B/cover.svg
$B/html/style.css: pandoc/html/style.css
$B/html/script.js: pandoc/html/script.js
$B/code.tmTheme: pandoc/pdf/code.tmTheme
$B/cover.svg: pandoc/epub/cover.svg
$(filled): pandoc/fill.lua pandoc/palette.lua pandoc/words.lua $(wildcard pandoc/words/*.lua) weave/lib.lua $B/contents.json
$(filled):
	@mkdir -p $(@D)
	@$(LUA) pandoc/fill.lua $B/contents.json $< >$@

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

$(shown:%=$B/html/%.txt): $B/html/%.txt: %
$(figures:chapters/%=$B/html/%): $B/html/%: chapters/%
$(assets):
	@mkdir -p $(@D)
	@cp $< $@

# One run makes minisearch.js, search-index.js and search-text.js, after all pages.
$B/html/search-index.js: $(pages) $B/html/.programs pandoc/html/search.mjs pandoc/html/search.js $(wildcard code/*/restarts-*.txt)
	@node pandoc/html/search.mjs $B/html

# pandoc 3 makes the same EPUB from the same book, when SOURCE_DATE_EPOCH says when; 2.17 writes down the time of the run.
$B/interrupted.epub: $(whole) pandoc/epub/epub.yaml pandoc/epub/epub.css pandoc/epub/render.lua $B/cover.svg
	@mkdir -p $(@D)
	pandoc -d pandoc/epub/epub.yaml book.md -o $@

$B/interrupted.typ: $(whole) pandoc/pdf/pdf.yaml pandoc/pdf/typst.lua pandoc/pdf/book.typ pandoc/pdf/render.lua pandoc/palette.lua
	@mkdir -p $(@D)
	pandoc -d pandoc/pdf/pdf.yaml book.md -o $@
typeset := pandoc/pdf/typst.mjs pandoc/pdf/c.sublime-syntax $B/code.tmTheme
$B/interrupted.pdf: $B/interrupted.typ $(figures) $(typeset)
	node pandoc/pdf/typst.mjs $< $@
$B/interrupted-letter.pdf: $B/interrupted.typ $(figures) $(typeset)
	node pandoc/pdf/typst.mjs $< $@ us-letter
