# What looks at code and book. Each check stands beside its planted faults.

timer    := code/04-thread-timer
graceful := code/05-graceful-sigint
restarts := code/a-what-restarts

##   make check-claims  each claim of the book has a test that ran and passed
.PHONY: check-claims
check-claims: check-code $B/book.json
	@$(LUA) check/check_claims.lua $B

##   make check-names   each name of ours in the text and in comments is the name of something
.PHONY: check-names
check-names: $B/book.json
	@$(LUA) check/test_check_names.lua >$B/check-names.log || { cat $B/check-names.log; exit 1; }
	@tail -n 1 $B/check-names.log
	@$(LUA) check/check_names.lua $B

##   make check-pages every link of the pages leads somewhere; the PDF is whole
check-pages: book
	@node check/check_links.mjs $B/html
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
.PHONY: check-peers
$B/libconn.so: $(wrapper)/safe_io.c $(wrapper)/conn.c $(wrapper)/safe_io.h $(wrapper)/conn.h
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -shared -fPIC -o $@ $(filter %.c,$^)
check-peers: $B/libconn.so
	@timeout 600 python3 $(wrapper)/cpython_tests.py $< >$B/check-peers.log 2>&1 || { cat $B/check-peers.log; exit 1; }
	@tail -n 1 $B/check-peers.log

##   make bench       how long the pages take, beside plain pandoc on the same files
.PHONY: bench
bench: html
	@check/bench $(chapters) book.md
