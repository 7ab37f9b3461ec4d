# The pages: build/html.

shown   := $(sources) $(headers) $(scripts)
program_pages := $(shown:%=$B/html/%.html)
pages   := $B/html/index.html $(chapters:chapters/%.md=$B/html/%.html)
plain   := $(wildcard code/*/*.sh) # shown as they are, without a page of their own
assets  := $(patsubst %,$B/html/%.txt,$(shown) $(plain)) $(figures:chapters/%=$B/html/%)
html_files := $(pages) $(assets) $(addprefix $B/html/,book.html .programs style.css script.js search-index.js)
html: $(html_files) prune-html

# A page is made from its own chapter and the list of all: touching a chapter makes one page, and the book on one page.
# (The numbers of the lines come from code/.)
page_parts := $(addprefix pandoc/html/,html.yaml page.html head.html nav.html render.lua)
$B/html/index.html: book.md
$(chapters:chapters/%.md=$B/html/%.html): $B/html/%.html: chapters/%.md $(figures)
$(foreach c,$(chapters),$(eval $(c:chapters/%.md=$B/html/%.html): $(wildcard $(c:chapters/%.md=code/%)/*.[ch])))
$(pages): $(filter) $(page_parts)
# What is wrong with a chapter its model says, with the line; so that comes first.
$(filter-out %/index.html,$(pages)): $B/html/%.html: | $B/model/%.json
$(pages):
	@mkdir -p $(@D)
	pandoc -d pandoc/html/html.yaml $< -o $@
$B/html/book.html: $(whole) $(page_parts)
	@mkdir -p $(@D)
	pandoc -d pandoc/html/html.yaml -M whole $< -o $@

# The pages of the programs, all in one run.
$B/html/.programs: $B/code.json $B/book.json $(shown) weave/lib.lua weave/source.lua \
		pandoc/words.lua $(wildcard pandoc/words/*.lua) \
		$(addprefix pandoc/html/,program.lua program.html head.html highlight.lua)
	@mkdir -p $(sort $(dir $(program_pages)))
	@echo "pandoc/html/program.lua: the pages of the programs"
	@$(LUA) pandoc/html/program.lua $B
	@touch $@

$(patsubst %,$B/html/%.txt,$(shown) $(plain)): $B/html/%.txt: %
$(figures:chapters/%=$B/html/%): $B/html/%: chapters/%
$(assets):
	@mkdir -p $(@D)
	@cp $< $@

# One run makes minisearch.js, search-text.js and search-index.js.
$B/html/search-index.js: $B/book.json $B/code.json $B/search.js pandoc/html/search.mjs $(wildcard code/*/restarts-*.txt)
	@mkdir -p $(@D)
	@node pandoc/html/search.mjs $B

# At last, what no rule here makes any more, because its source is gone, goes too.
.PHONY: prune-html
prune-html: stale = $(filter-out $(html_files) $(program_pages) $(addprefix $B/html/,minisearch.js search-text.js),$\
	$(shell find $B/html -type f))
prune-html: $(html_files)
	@$(if $(strip $(stale)),rm -f $(stale))
	@find $B/html -mindepth 1 -type d -empty -delete
