# What looks at code and book. check_X has its planted faults in test_check_X.

timer    := code/04-thread-timer
graceful := code/05-graceful-sigint
restarts := code/a-what-restarts

# $(call planted,LOG,COMMAND) runs a check on planted faults, which says last how many it found; all that it says only
# if it missed one. (make check counts those whose LOG is check-*.)
planted = $2 >$B/$1.log 2>&1 || { cat $B/$1.log; exit 1; }; tail -n 1 $B/$1.log

##   make check-claims  each claim of the book has a test that ran and passed (ONLY=...: those of that test)
.PHONY: check-claims
check-claims: check-code $B/book.json
	@$(LUA) check/check_claims.lua $B $(ONLY)

##   make check-names   each name of ours in the text and in comments is the name of something
.PHONY: check-names
check-names: $B/book.json
	@$(call planted,check-names,$(LUA) check/test_check_names.lua)
	@$(LUA) check/check_names.lua $B

##   make check-pages  every link of the pages leads somewhere; the PDF is whole
.PHONY: check-pages
check-pages: book
	@$(call planted,check-links,$(LUA) check/test_check_links.lua)
	@node check/check_links.mjs $B/html
	@$(call planted,check-pdf,$(LUA) check/test_check_pdf.lua $B)
	@$(LUA) check/check_pdf.lua $B/interrupted.pdf $B/interrupted-letter.pdf

##   make check-book  what make check leaves out: the pages in a browser, the formats and the spelling (after
##                    make deps-check-book; ten minutes)
# Lighthouse measures time, so it has the machine for itself, at the end.
.PHONY: check-book check-text check-script check-site check-lighthouse
check-book: check-text check-script check-site
	+@$(MAKE) --no-print-directory check-lighthouse
check-text: html epub $B/book.json
	@$(call planted,test_check_spelling,$(LUA) check/test_check_spelling.lua)
	@$(LUA) check/check_spelling.lua $B $(sources) $(headers) $(scripts)
	@$(call planted,test_check_formats,$(LUA) check/test_check_formats.lua $B)
	@$(LUA) check/check_formats.lua $B/html $B/interrupted.epub
check-script: html
	@$(call planted,test_script,node check/test_script.mjs $B/html)
check-site: html
	@$(call planted,test_check_site,node check/test_check_site.mjs $B/html)
	@node check/check_site.mjs $B/html
	@echo "check_site: $$(find $B/html -name '*.html' | wc -l) pages, 0 mistakes"
check-lighthouse: html
	@node check/check_site.mjs --lighthouse $B/html

##   make check-sanitizers  the right programs' tests again, with clang, ASan and UBSan, TSan, valgrind; musl builds
# (test_*_facts and test_what_restarts ask the kernel, and test no code of ours.) What a sanitizer reports, on stderr or
# by its exit status, fails the test that saw it.
.PHONY: check-sanitizers check-clang check-asan check-tsan check-valgrind check-musl
right_tests := $(filter-out %_facts.c %_restarts.c,$(foreach t,$(tests),$(if $(findstring /test_wrong_,$t),,$t)))
right_runs   = $(patsubst %.c,$B/%.run,$(right_tests))
other_build  = +@$(MAKE) --no-print-directory B=$B/$1 $(patsubst $B/%,$B/$1/%,$(right_runs))
check-sanitizers: check-clang check-asan check-tsan check-valgrind check-musl
check-clang check-asan check-tsan check-valgrind: export TESTKIT_ONLY_RIGHT := 1
check-clang:
	$(call other_build,clang) CC=clang CFLAGS='$(CFLAGS) -Werror'
check-asan: export ASAN_OPTIONS := detect_stack_use_after_return=1
check-asan: export UBSAN_OPTIONS := halt_on_error=1:print_stacktrace=1
check-asan:
	$(call other_build,asan) CFLAGS='$(CFLAGS) -fsanitize=address,undefined -fno-sanitize-recover=all -Werror'
# A handler runs only when the program calls something that TSan knows, so the tests of loops without any call are
# skipped.
check-tsan: export TESTKIT_DEFERS_SIGNALS := 1
check-tsan: export TSAN_OPTIONS := exitcode=66:atexit_sleep_ms=0
check-tsan:
	$(call other_build,tsan) CFLAGS='$(CFLAGS) -fsanitize=thread'

# The programs under valgrind, and then the tests that are all in one process. valgrind needs descriptors 0 to 2 and
# some signals for itself, so test_every_program, which closes those, and test_testkit, which blocks these, are left
# out.
valgrind := valgrind -q --error-exitcode=99
in_one_process := $(addprefix $(wrapper)/test_,safe_io conn conn_faults fault_matrix) $(timer)/test_timer
check-valgrind: export STORM_US := 5000
check-valgrind: export STORM_LARGEST := 1048576
check-valgrind: export TIMER_STARTS := 300
check-valgrind: export TIMER_BEATS := 20000
check-valgrind: export WAIT_ROUNDS := 300
check-valgrind: code
	+@TESTKIT_RUNNER='$(valgrind) --leak-check=full' $(MAKE) --no-print-directory B=$B/valgrind \
		$(filter-out %/test_every_program.run %/test_testkit.run,$(patsubst $B/%,$B/valgrind/%,$(right_runs)))
	@for t in $(in_one_process:%=$B/valgrind/%); do \
		$(valgrind) $$t >$B/valgrind.log 2>&1 || { cat $B/valgrind.log; exit 1; }; \
	done
	@for p in thread_timer slow_callback; do \
		TICK_MS=100 $(valgrind) --tool=helgrind --trace-children=yes $B/$(timer)/$$p >$B/valgrind.log 2>&1 || \
			{ cat $B/valgrind.log; exit 1; }; \
	done
check-musl:
	+@$(MAKE) --no-print-directory B=$B/musl CC=musl-gcc CFLAGS='$(CFLAGS) -Werror' code
	@$B/musl/$(restarts)/what_restarts | diff -I '^kernel:' - $(restarts)/restarts-musl.txt

##   make check-any-start  tests and sessions once more, begun nice, all signals ignored and blocked, stdin closed
.PHONY: check-any-start
check-any-start:
	+@env --ignore-signal --block-signal nice $(MAKE) --no-print-directory check-code check-runs <&-

##   make check-static  what compilers and linters see without running anything; the headers in C++
.PHONY: check-static
linted := $(filter-out $(tests) $(benches) code/b-%,$(sources))
scripts_too := $(wildcard Makefile .ci/* $(foreach room,check code findings grade pandoc weave,$(room)/* $(room)/*/*))
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
	@check/lint $(scripts_too)

##   make check-peers   CPython's own tests of its connections, against ours
.PHONY: check-peers
$B/libconn.so: $(wrapper)/safe_io.c $(wrapper)/conn.c $(wrapper)/safe_io.h $(wrapper)/conn.h
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -shared -fPIC -o $@ $(filter %.c,$^)
check-peers: $B/libconn.so
	@$(call planted,check-peers,timeout 600 python3 $(wrapper)/cpython_tests.py $<)

##   make bench       how long the pages take, beside plain pandoc on the same files
.PHONY: bench
bench: html
	@check/bench $(chapters) book.md
