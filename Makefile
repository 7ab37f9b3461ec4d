# The front door: every task of this repository is a target here or in the .mk of a room. `make help` lists them.
#
# B is where things are built. `make check-sanitizers` builds all of it again, below build/, with other compilers.

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
CPPFLAGS := -D_XOPEN_SOURCE=700
CFLAGS := -std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -O2 -g
LDFLAGS :=
LUA := $(if $(shell command -v lua5.4),lua5.4,lua)

##   make             build every program and the pages
##   make book        every format: build/html/, build/interrupted.pdf (A4) and -letter.pdf, build/interrupted.epub
##   make check       test the programs, the recorded runs and the book (about two minutes)
.PHONY: all book check
all: code html
book: html pdf epub
check: check-code check-runs check-weave check-figures check-pages check-names check-claims
	@cat $B/code/*/test_*.verdict $B/check-*.log | awk '/ passed, 0 failed/ {sub(/ passed, 0 failed.*/, ""); n += $$NF} \
		END {print n " passed, 0 failed"}'

include code/code.mk      # programs, tests, recorded runs
include pandoc/model.mk   # what is in the book
include weave/weave.mk    # what goes from code into the chapters
include pandoc/pandoc.mk  # the book in each format
include check/check.mk    # what looks at all of them
include grade/grade.mk    # assignments

##   make clean       remove everything made, but not what make deps installed
.PHONY: clean
clean:
	@find $B -mindepth 1 -maxdepth 1 ! -name .gitignore ! -name npm -exec rm -rf {} +

##   make help        this list
.PHONY: help deps
help:
	@sed -n 's/^##   //p' Makefile */*.mk | awk -F '  +' '{printf "   %-22s %s\n", $$1, $$2}'

##   make deps        install what the other targets need
##   make deps-check-book  install a browser and what else make check-book needs
.PHONY: deps-check-book
deps: ; @.ci/deps
deps-check-book: ; @.ci/deps check-book

endif
