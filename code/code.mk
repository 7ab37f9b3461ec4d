# Programs and their tests. What a file of code/ is, is said here and nowhere else; build/code.list hands it on.

sources  := $(wildcard code/*/*.c)
headers  := $(wildcard code/*/*.h)
tests    := $(filter code/%,$(wildcard code/*/test_*.c))
benches  := $(wildcard code/*/bench_*.c)
preloads := $(wildcard code/*/*_preload.c)
modules  := $(filter $(sources),$(headers:.h=.c))
programs := $(filter-out $(modules) $(tests) $(preloads) $(benches),$(sources))
scripts  := $(wildcard code/*/*.py)
transcripts := $(wildcard code/*/*.transcript)
traces   := $(wildcard code/*/*.trace)

objects     := $(sources:%.c=$B/%.o)
program_exe := $(programs:%.c=$B/%)
test_exe    := $(tests:%.c=$B/%)
bench_exe   := $(benches:%.c=$B/%)
libraries   := $(preloads:%.c=$B/%.so)

##   make code        build every program
.PHONY: code
code: $(program_exe) $(libraries) $B/code/programs.list prune-code

$(objects): $B/%.o: %.c Makefile code/code.mk
	@mkdir -p $(@D)
	@echo "$(CC) $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
-include $(objects:.o=.d)

# -U_FORTIFY_SOURCE: with it a wrapped read would become __read_chk, and no wrapper would see it.
$(tests:%.c=$B/%.o): CPPFLAGS += -U_FORTIFY_SOURCE
$(preloads:%.c=$B/%.o): CFLAGS += -fPIC

# A program gets the modules whose headers it includes, and those that these need. A source without main, and without a
# header of its name, is compiled only.
link = $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $$(awk -v build=$B -f code/needs.awk $(<:.o=.d))
# (No program uses the kit of the tests, which needs cmocka.)
$(program_exe) $(bench_exe): $B/%: $B/%.o $(patsubst %.c,$B/%.o,$(filter-out code/b-%,$(modules))) code/needs.awk
	@if nm $< | grep -q ' T main$$'; then $(link); else rm -f $@; fi
# A test that defines __wrap_read is linked with --wrap=read.
$(test_exe): $B/%: $B/%.o $(modules:%.c=$B/%.o) code/needs.awk
	@$(link) $$(nm $< | sed -n 's/^.* T __wrap_/-Wl,--wrap=/p') -lcmocka
$(libraries): %.so: %.o
	@$(CC) $(CFLAGS) $(LDFLAGS) -shared -o $@ $<

# What the common test must know of each program of the book, whose folders have a Makefile. (A copy of one in a folder
# of one's own has promised nothing.)
folders := $(patsubst code/%/Makefile,%,$(wildcard code/*/Makefile))
promised := $(filter $(folders:%=code/%/%),$(programs))
$B/code/programs.list: $(promised) code/contracts.awk
	@mkdir -p $(@D)
	@awk -f code/contracts.awk $(promised) >$@

# What each file is, for all that looks at code/. It keeps its time when it stays the same.
code_list = $(foreach kind,program module part test bench preload script transcript trace,\
	$(foreach file,$($(kind)_files),$(kind) $(file)))
program_files    := $(programs)
module_files     := $(headers)
part_files       := $(modules)
test_files       := $(tests)
bench_files      := $(benches)
preload_files    := $(preloads)
script_files     := $(scripts)
transcript_files := $(transcripts)
trace_files      := $(traces)
$B/code.list: always
	@mkdir -p $(@D)
	@new=$@.$$$$; printf '%s %s\n' $(code_list) >$$new; if cmp -s $$new $@; then rm $$new; else mv $$new $@; fi
.PHONY: always
always:

# What was built from a source that is gone, goes too.
.PHONY: prune-code
prune-code:
	@find $B/code -mindepth 2 -type f 2>/dev/null | while IFS= read -r made; do \
		source=$${made#$B/}; \
		case $$made in *.new | *.tmp) ;; *) [ -e "$${source%%.*}.c" ] || [ -e "$$source.c" ] || rm -f "$$made" ;; esac; \
	done
	@find $B/code -mindepth 1 -type d -empty 2>/dev/null | while IFS= read -r made; do \
		[ -d "$${made#$B/}" ] || rmdir "$$made"; \
	done

##   make run-01      run the program of chapter 1 (TICK_MS=100 make run-01: ten times as fast)
# The main program is named in the Makefile of the chapter's folder: `main := blocking_pipe`.
numbers := $(foreach f,$(folders),$(firstword $(subst -, ,$f)))
folder_of = $(filter $1-%,$(folders))
main_of   = $B/code/$(call folder_of,$1)/$(shell sed -n 's/^main := //p' code/$(call folder_of,$1)/Makefile)

.PHONY: $(numbers:%=all-%) $(numbers:%=run-%) $(numbers:%=check-%)
$(numbers:%=all-%): code
$(numbers:%=run-%): run-%: code
	@$(call main_of,$*)
$(foreach n,$(numbers),$(eval check-$n: $(filter $B/code/$n-%,$(test_exe:=.run))))
run-%:
	@echo "make $@: no chapter has this number; there are: $(numbers)" >&2; exit 2

# ---------------------------------------------------------------------------------------------------- tests

# ONLY=02-broken-by-sigalrm/pending (or only the folder) limits record, trace, figures, check-runs, check-trace,
# check-code and check-claims. To find nothing is a mistake: a recipe asks for some.
only = $(if $(ONLY),$(filter code/$(ONLY) code/$(ONLY).% code/$(ONLY)/%,$1),$1)
some = $(or $(call only,$1),$(error ONLY=$(ONLY): $@ finds nothing of this name; expected NN-name or NN-name/x))

##   make check-code  the tests of the programs (ONLY=02-broken-by-sigalrm, or ONLY=02-broken-by-sigalrm/test_alarm)
##   make check-01    those of chapter 1
check-code: $(patsubst %.c,$B/%.run,$(call only,$(tests))) ; $(if $(call some,$(tests)),@:)

.PHONY: check-code $(test_exe:=.run)
every := $B/code/b-testing-signals/test_every_program
$(patsubst %,%.run,$(filter-out $(every),$(test_exe))): %.run: % code
	@LUA=$(LUA) check/run_test $*
# Its programs wait most of the time: those of several folders side by side.
$(every).run: $(every) code
	@printf '%s\n' $(folders) | LUA=$(LUA) xargs -n 1 -P 4 check/run_test $(every)

##   make check-runs  run every recorded session again, at short ticks, and compare (ONLY=...: as below)
check-runs: code $(test_exe)
	@check/replay $B $(call some,$(transcripts))

##   make record      record every session anew, at full ticks (ONLY=02-broken-by-sigalrm/pending: that one)
.PHONY: check-runs record
record: code
	@for t in $(call some,$(transcripts)); do \
		[ ! -t 2 ] || echo $$t >&2; \
		$B/code/b-testing-signals/record -b $B $$t || exit 1; \
	done

##   make restarts    print the table of appendix A for this machine
.PHONY: restarts
restarts: code
	@$B/code/a-what-restarts/what_restarts

##   make bench-conn  what chapter 3's library costs, beside the bare calls and Python; writes its table
.PHONY: bench-conn
wrapper := code/03-eintr-safe-wrapper
bench-conn: $B/$(wrapper)/bench_conn
	@$< -t -p $(wrapper)/bench_python.py >$B/bench_conn.md && cp $B/bench_conn.md $(wrapper) && cat $B/bench_conn.md

##   make repeat TEST=NN-name/test_x   run one test 100 times
.PHONY: repeat
repeat: $B/code/$(or $(TEST),TEST=NN-name/test_x) code
	@for i in $$(seq 100); do \
		$< >$B/repeat.log 2>&1 </dev/null || { cat $B/repeat.log; echo "run $$i of 100 failed"; exit 1; }; \
	done; \
	echo "$(TEST): 100 of 100 runs passed"
