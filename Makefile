# The front door: every task of this repository is a target here. `make help` lists them.
#
# B is where things are built. make check-sanitizers builds all of it again, below build/, with other compilers.

MAKEFLAGS += --no-builtin-rules --no-builtin-variables --output-sync=target
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

# `make deps check` installs first and then starts again for the rest, so that it is right with -j too, and so that
# what follows sees what was installed.
after_deps := $(filter-out deps,$(MAKECMDGOALS))
ifneq ($(and $(filter deps,$(MAKECMDGOALS)),$(after_deps)),)

.PHONY: deps rest $(after_deps)
$(after_deps): rest ; @:
rest: deps ; +@$(MAKE) --no-print-directory $(after_deps)
deps: ; @.ci/deps

else

B := build
CC := gcc
LUA := lua5.4
ifeq ($(shell command -v $(LUA)),)
LUA := lua
endif

CPPFLAGS := -D_XOPEN_SOURCE=700
CFLAGS := -std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -O2 -g
LDFLAGS :=

sources  := $(wildcard code/*/*.c)
kit      := code/b-testing-signals/testkit.c
modules  := $(filter-out $(kit),$(filter $(sources),$(patsubst %.h,%.c,$(wildcard code/*/*.h))))
tests    := $(wildcard code/*/test_*.c)
preloads := $(wildcard code/*/*_preload.c)
wrapper  := code/03-eintr-safe-wrapper
timer    := code/04-thread-timer
graceful := code/05-graceful-sigint
benches  := $(wildcard code/*/bench_*.c)
programs := $(filter-out $(modules) $(kit) $(tests) $(preloads) $(benches),$(sources))
transcripts := $(wildcard code/*/*.transcript)
chapters := $(wildcard chapters/*.md)

objects     := $(sources:%.c=$B/%.o)
program_exe := $(programs:%.c=$B/%)
test_exe    := $(tests:%.c=$B/%)
archive     := $B/code/modules.a

##   make             build every program and the pages
.PHONY: all code
all: code html
code: $(program_exe) $(preloads:%.c=$B/%.so)

$(objects): $B/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "$(CC) $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
-include $(objects:.o=.d)

# The modules of all chapters, in one archive: a program takes what it needs.
$(archive): $(modules:%.c=$B/%.o)
	@rm -f $@
	@ar rcs $@ $^

$(program_exe): $B/%: $B/%.o $(archive)
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(archive)

$(preloads:%.c=$B/%.o): CFLAGS += -fPIC
$(preloads:%.c=$B/%.so): %.so: %.o
	@$(CC) $(CFLAGS) $(LDFLAGS) -shared -o $@ $<

# -U_FORTIFY_SOURCE: with it a wrapped read would become __read_chk, and no wrapper would see it.
$(tests:%.c=$B/%.o): CPPFLAGS += -U_FORTIFY_SOURCE
# A test that defines __wrap_read is linked with --wrap=read.
$(test_exe): $B/%: $B/%.o $(kit:%.c=$B/%.o) $(archive)
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ \
		$$(grep -oh '__wrap_[a-z0-9_]*' $*.c | sort -u | sed 's/__wrap_/-Wl,--wrap=/') -lcmocka

##   make run-01      run the program of chapter 1 (TICK_MS=100 make run-01: ten times as fast)
main_program_01 := 01-blocking-pipe/blocking_pipe
main_program_02 := 02-broken-by-sigalrm/broken_by_sigalrm
main_program_03 := 03-eintr-safe-wrapper/safe_pipe
main_program_04 := 04-thread-timer/thread_timer
main_program_05 := 05-graceful-sigint/graceful_sigint
main_program_a := a-what-restarts/what_restarts
numbers := $(patsubst main_program_%,%,$(filter main_program_%,$(.VARIABLES)))

# What the Makefile in a chapter's folder forwards to: all-01, run-01, check-01.
.PHONY: $(numbers:%=all-%) $(numbers:%=run-%) $(numbers:%=check-%)
$(numbers:%=all-%): code
$(numbers:%=run-%): run-%: code
	@$B/code/$(main_program_$*)
$(foreach n,$(numbers),$(eval check-$n: $(filter $B/code/$n-%,$(test_exe:=.run))))

# ---------------------------------------------------------------------------------------------------- the book

##   make book        every format: build/html/, build/interrupted.pdf (A4) and -letter.pdf, build/interrupted.epub
##   make html        the pages only
.PHONY: book html pdf epub
book: html pdf epub
pdf: $B/interrupted.pdf $B/interrupted-letter.pdf
epub: $B/interrupted.epub

figures := $(wildcard chapters/figures/*)
traces  := $(wildcard code/*/*.trace)
shown   := $(sources) $(wildcard code/*/*.h) $(wildcard code/*/*.py)
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

# ---------------------------------------------------------------------------------------------------- tests

##   make check       test the programs, the recorded runs and the book (about two minutes)
.PHONY: check check-code check-runs check-weave check-pages
check: check-code check-runs check-weave check-figures check-pages
	@$(LUA) check/check_claims.lua $B $(chapters)
	@cat $(test_exe:=.log) $B/check-*.log | awk '/^\[       OK/ {n++} / passed, 0 failed$$/ {n += $$(NF - 3)} \
		END {print n " passed, 0 failed"}'

##   make check-code  the tests of the programs
check-code: $(test_exe:=.run)

# A test's log stays: it names each test that ran and passed. The count of tests is compared with those announced,
# since the exit status of cmocka is the number of failures modulo 256.
.PHONY: $(test_exe:=.run)
$(test_exe:=.run): %.run: % code
	@timeout 600 $* >$*.log 2>&1 </dev/null; status=$$?; \
	awk -v status=$$status -v name=$(notdir $*) '/Running [0-9]+ test/ {all = $$3} /^\[       OK/ {ok++} \
		/test.s. run/ {over = 1} \
		/^\[  SKIPPED \]/ && !over && ENVIRON["TESTKIT_DEFERS_SIGNALS"] {skipped++} \
		END {print name ": " ok + 0 " passed, " all - ok - skipped " failed" (skipped ? ", " skipped " skipped" : ""); \
		exit !(status == 0 && ok + skipped == all && all > 0)}' $*.log \
	|| { cat $*.log; exit 1; }


##   make check-runs  run every recorded session again, at short ticks, and compare
# (A session that differs gets a second run, at full ticks: the machine may have stood still for some short ones.)
check-runs: code $(test_exe)
	@replay="$B/code/b-testing-signals/record -b $B -r"; \
	for t in $(transcripts); do \
		run=$$($$replay $$t 2>&1) || run=$$(TICK_MS=1000 $$replay $$t 2>&1) || failed=1; printf "%s\n" "$$run"; \
	done >$B/check-runs.log; \
	grep -v ': the same$$' $B/check-runs.log; \
	echo "$(words $(transcripts)) recorded runs, $$(grep -c ': this run is not' $B/check-runs.log) not as recorded"; \
	test -z "$$failed"

##   make record      record every session anew, at full ticks
.PHONY: record
record: code
	@for t in $(transcripts); do \
		[ ! -t 2 ] || echo $$t >&2; \
		$B/code/b-testing-signals/record -b $B $$t || exit 1; \
	done

##   make trace       record anew the strace logs of which the figures are drawn
##   make check-trace record them again, and compare all but the times
##   make figures     draw the figures
.PHONY: trace check-trace figures check-figures
trace: code $(test_exe)
	@$(LUA) weave/trace.lua -b $B $(traces)
check-trace: code $(test_exe)
	@$(LUA) weave/trace.lua --check -b $B $(traces)
figures:
	@$(LUA) weave/figure.lua $(traces)
check-figures:
	@$(LUA) weave/test_figure.lua >$B/check-figures.log 2>&1 || { cat $B/check-figures.log; exit 1; }
	@tail -n 1 $B/check-figures.log
	@$(LUA) weave/figure.lua --check $(chapters:%=-m %) $(traces)

##   make restarts    print the table of appendix A for this machine
restarts := code/a-what-restarts
.PHONY: restarts
restarts: $B/$(restarts)/what_restarts
	@$<

##   make weave       refresh the listings and sessions in the chapters
.PHONY: weave
weave:
	@$(LUA) $(restarts)/restarts.lua chapters/a-what-restarts.md
	@$(LUA) weave/weave.lua book.md $(chapters)

check-weave:
	@$(LUA) weave/test_weave.lua >$B/check-weave.log 2>&1 || { cat $B/check-weave.log; exit 1; }
	@tail -n 1 $B/check-weave.log
	@$(LUA) $(restarts)/restarts.lua --check chapters/a-what-restarts.md
	@$(LUA) weave/weave.lua --check --cc "$(CC) $(CPPFLAGS) -std=c11 -Wall -Wextra -Werror" book.md $(chapters)

##   make check-pages every link of the pages leads somewhere; the PDF is whole
check-pages: book
	@$(LUA) check/check_links.lua $B/html
	@$(LUA) check/test_check_pdf.lua $B >$B/check-pdf.log 2>&1 || { cat $B/check-pdf.log; exit 1; }
	@tail -n 1 $B/check-pdf.log
	@$(LUA) check/check_pdf.lua $B/interrupted.pdf $B/interrupted-letter.pdf

##   make check-book  the pages in a browser, the formats and the spelling (after make deps-check-book; twenty minutes)
# First each check on planted faults.
.PHONY: check-book
check-book: book check-pages
	@$(LUA) check/test_checks.lua $B
	@$(LUA) check/check_spelling.lua $(wildcard *.md) $(chapters) $(sources) $(wildcard code/*/*.h code/*/*.py)
	@$(LUA) check/check_formats.lua $B/html $B/interrupted.epub
	@node check/test_script.mjs $B/html >$B/check-script.log 2>&1 || { cat $B/check-script.log; exit 1; }
	@tail -n 1 $B/check-script.log
	@node check/test_check_site.mjs $B/html
	@node check/check_site.mjs $B/html
	@echo "check_site: $$(find $B/html -name '*.html' | wc -l) pages, 0 mistakes"
	@node check/check_site.mjs --lighthouse $B/html

##   make check-sanitizers  the tests of the right programs again, with clang, ASan and UBSan, TSan, valgrind; musl builds
# (test_*_facts and test_what_restarts ask the kernel, and test no code of ours.) What a sanitizer reports, on stderr or by its exit status,
# fails the test that saw it. Under TSan a handler runs only when the program calls something that TSan knows, so the
# tests of loops without any call are skipped there.
# valgrind needs descriptors 0 to 2 for itself, so test_every_program, which closes them, is left out there.
.PHONY: check-sanitizers
right_tests := $(foreach t,$(tests),$(if $(findstring /test_wrong_,$t)$(filter %_facts.c %_restarts.c,$t),,$t))
right_runs   = $(right_tests:%.c=$1/%.run)
other_build  = $(MAKE) --no-print-directory B=$1 $(call right_runs,$1)
check-sanitizers: export TESTKIT_ONLY_RIGHT := 1
check-sanitizers:
	$(call other_build,build/clang) CC=clang CFLAGS='$(CFLAGS) -Werror'
	ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	$(call other_build,build/asan) CFLAGS='$(CFLAGS) -fsanitize=address,undefined -fno-sanitize-recover=all -Werror'
	TESTKIT_DEFERS_SIGNALS=1 TSAN_OPTIONS=exitcode=66:atexit_sleep_ms=0 $(call other_build,build/tsan) CFLAGS='$(CFLAGS) -fsanitize=thread'
	STORM_US=5000 STORM_LARGEST=1048576 TIMER_STARTS=300 TIMER_BEATS=20000 WAIT_ROUNDS=300 TESTKIT_RUNNER='valgrind -q --error-exitcode=99 --leak-check=full' \
	$(MAKE) --no-print-directory $(filter-out %/test_every_program.run,$(call right_runs,$B))
	for t in test_safe_io test_conn test_conn_faults test_fault_matrix; do \
		valgrind -q --error-exitcode=99 $B/$(wrapper)/$$t >$B/valgrind.log 2>&1 || { cat $B/valgrind.log; exit 1; }; \
	done
	TIMER_STARTS=300 TIMER_BEATS=20000 valgrind -q --error-exitcode=99 $B/$(timer)/test_timer >$B/valgrind.log 2>&1 || \
		{ cat $B/valgrind.log; exit 1; }
	for p in thread_timer slow_callback; do \
		TICK_MS=100 valgrind --tool=helgrind -q --trace-children=yes --error-exitcode=99 $B/$(timer)/$$p >$B/valgrind.log 2>&1 || \
		{ cat $B/valgrind.log; exit 1; }; \
	done
	$(MAKE) --no-print-directory B=build/musl CC=musl-gcc CFLAGS='$(CFLAGS) -Werror' code
	build/musl/$(restarts)/what_restarts | diff -I '^kernel:' - $(restarts)/restarts-musl.txt

##   make assignment-03 DIR=my-frame   test your solution of chapter 3's assignment
##   make check-assignments            the solution passes, and every wrong one fails where it should
.PHONY: assignment-03 check-assignments
assignment-03:
	+@$(MAKE) --no-print-directory -C code/03-eintr-safe-wrapper/assignment $@ $(if $(DIR),DIR=$(abspath $(DIR))) \
		$(if $(TEST),TEST=$(TEST))
check-assignments:
	+@$(MAKE) --no-print-directory -C code/03-eintr-safe-wrapper/assignment check

##   make check-static  what compilers and linters see without running anything; the headers in C++
.PHONY: check-static
linted := $(filter-out $(tests) $(benches) code/b-%,$(sources))
check-static:
	@for f in $(wrapper)/safe_io.c $(wrapper)/conn.c $(timer)/timer.c $(graceful)/termination.c; do \
		gcc -std=c11 -D_POSIX_C_SOURCE=200809L -O2 -Wall -Wextra -fanalyzer -Werror -c -o /dev/null $$f || exit 1; \
	done
	@for order in conn.h,safe_io.h safe_io.h,conn.h timer.h; do \
		echo $$order | tr , '\n' | sed 's/.*/#include "&"/' | \
			clang++ -std=c++11 -pedantic-errors -Wall -Werror -I $(wrapper) -I $(timer) -fsyntax-only -x c++ - || exit 1; \
	done
	@cppcheck --quiet --std=c11 --enable=warning,portability,performance --error-exitcode=1 -D_XOPEN_SOURCE=700 $(linted)
	@clang-tidy --quiet $(linted) -- -std=c11 $(CPPFLAGS) 2>$B/check-static.log || { cat $B/check-static.log; exit 1; }
	@echo "check-static: gcc -fanalyzer, cppcheck and clang-tidy have nothing to say on $(words $(linted)) files"

##   make check-peers   CPython's own tests of its connections, against ours
##   make mutants       break chapter 3's library, one change at a time: does a test notice each? (minutes)
##   make bench-conn    what chapter 3's library costs, beside the bare calls and Python; writes its tables
.PHONY: check-peers mutants bench-conn
$B/$(wrapper)/libconn.so: $(wrapper)/safe_io.c $(wrapper)/conn.c $(wrapper)/safe_io.h $(wrapper)/conn.h
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -shared -fPIC -o $@ $(filter %.c,$^)
check-peers: $B/$(wrapper)/libconn.so
	@timeout 600 python3 $(wrapper)/cpython_tests.py $< >$B/check-peers.log 2>&1 || { cat $B/check-peers.log; exit 1; }
	@tail -n 1 $B/check-peers.log
mutants:
	@BUILD=$(abspath $B)/mutants TESTS="test_safe_io test_conn test_conn_faults test_fault_matrix" $(wrapper)/mutants.sh
$(benches:%.c=$B/%): $B/%: $B/%.o $(archive)
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(archive)
bench-conn: $B/$(wrapper)/bench_conn
	@$< -t -p $(wrapper)/bench_python.py >$B/bench_conn.md; cat $B/bench_conn.md
	@awk -v table=$B/bench_conn.md '/^<!-- bench-conn -->/ {print; print ""; \
		while ((getline line < table) > 0 && line !~ /system calls/) print line; skip = 1} \
		/^<!-- end of bench-conn -->/ {skip = 0} !skip' chapters/03-eintr-safe-wrapper.md >$B/chapter.md && \
		awk '!/^<!-- bench-conn -->/ || !seen++' $B/chapter.md >chapters/03-eintr-safe-wrapper.md

##   make repeat TEST=NN-name/test_x   run one test 100 times
.PHONY: repeat
repeat: $B/code/$(TEST) code
	@for i in $$(seq 100); do $< >$B/repeat.log 2>&1 </dev/null || { cat $B/repeat.log; echo "run $$i of 100 failed"; exit 1; }; done; \
	echo "$(TEST): 100 of 100 runs passed"

##   make bench       how long the pages take, beside plain pandoc on the same files
.PHONY: bench
bench: html
	@check/bench $(chapters) book.md

##   make clean       remove everything made, but not what make deps installed
.PHONY: clean
clean:
	@find $B -mindepth 1 -maxdepth 1 ! -name .gitignore ! -name npm -exec rm -rf {} +

##   make help        this list
.PHONY: help deps
help:
	@sed -n 's/^##//p' Makefile

##   make deps        install what the other targets need
deps:
	@.ci/deps

##   make deps-check-book  install a browser and what else make check-book needs
.PHONY: deps-check-book
deps-check-book:
	@.ci/deps check-book

endif
