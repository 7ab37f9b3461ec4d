# What goes from code/ into the chapters: listings, sessions, tables, figures.

weaver := weave/weave.lua weave/lib.lua weave/source.lua

# What there is in code/. It keeps its time when it stays the same; so a stamp tells that it is up to date.
$B/code.json: $B/model/.code ;
$B/model/.code: $B/code.list $(sources) $(headers) $(scripts) weave/code.lua weave/lib.lua weave/source.lua
	@mkdir -p $(@D)
	@$(LUA) weave/code.lua $B
	@touch $@

##   make weave       refresh the listings, sessions and tables in the chapters
##   make check-weave  are they as in code/, and is all of code/ shown?
.PHONY: weave check-weave
weave: $B/book.json $B/code.list
	@$(LUA) weave/weave.lua $B

check-weave: $B/book.json $B/code.list $B/code/programs.list
	@for t in pandoc/test_model weave/test_weave weave/test_code code/test_make; do \
		log=$B/check-$${t#*/test_}.log; \
		$(LUA) $$t.lua >$$log 2>&1 || { cat $$log; exit 1; }; \
		tail -n 1 $$log; \
	done
	@$(LUA) weave/weave.lua --check $B

##   make trace       record anew the strace logs of which the figures are drawn (ONLY=...: as above)
##   make check-trace  record them again, and compare all but the times
##   make figures     draw the figures (ONLY=...: as above)
##   make check-figures  are they as their traces give them?
.PHONY: trace check-trace figures check-figures
trace: code $(test_exe)
	@$(LUA) weave/trace.lua -b $B $(call some,$(traces))
check-trace: code $(test_exe)
	@$(LUA) weave/trace.lua --check -b $B $(call some,$(traces))
figures:
	@$(LUA) weave/figure.lua $(call some,$(traces))
check-figures:
	@$(LUA) weave/test_figure.lua >$B/check-figures.log 2>&1 || { cat $B/check-figures.log; exit 1; }
	@tail -n 1 $B/check-figures.log
	@$(LUA) weave/figure.lua --check $(chapters:%=-m %) $(traces)
