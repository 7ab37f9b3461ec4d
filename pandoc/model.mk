# The model of the book: what is in book.md and the chapters, found once. build/book.json is read by all that needs to
# know.

chapters   := $(wildcard chapters/*.md)
others     := $(wildcard README.md CONTRIBUTING.md CHANGELOG.md)
model      := $(patsubst %.md,$B/model/%.json,book.md $(notdir $(chapters)) $(others))
model_code := pandoc/model.lua pandoc/appendix.lua pandoc/reader.lua pandoc/words.lua $(wildcard pandoc/words/*.lua) \
	weave/lib.lua weave/source.lua

vpath %.md chapters
$(model): $B/model/%.json: %.md $(model_code)
	@mkdir -p $(@D)
	@pandoc -L pandoc/model.lua -M file=$< -M to=$@ </dev/null >/dev/null
	@touch $@

$(filter-out %/book.json,$(model)): | $B/model/book.json
$B/model/book.json: | ready

# Without what make deps installs, it is said so before anything else is.
.PHONY: ready
ready:
	@LUA=$(LUA) .ci/deps --ready

# A stamp whose file is gone is worth nothing.
$(foreach name,book contents,$(if $(wildcard $B/$(name).json),,$(shell rm -f $B/model/.$(name))))

# Both keep their times when they stay the same; so a stamp tells that they are up to date.
$B/book.json $B/contents.json: ;
$B/book.json: $B/model/.book
$B/model/.book: $(model) pandoc/model_book.lua
	@$(LUA) pandoc/model_book.lua $B
	@touch $@
$B/contents.json: $B/model/.contents
$B/model/.contents: $B/model/book.json pandoc/model_book.lua
	@$(LUA) pandoc/model_book.lua --contents $B
	@touch $@
