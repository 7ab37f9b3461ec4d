# The assignments: a folder each, with a parts.sh. Nothing here knows one of them; nor a library of code/ that has a
# parts.sh too, and that `make mutants` breaks.

##   make assignment-03 DIR=my-frame   test your solution of chapter 3's assignment (TEST=name: one test alone)
assignment-%:
	@BUILD=$B grade/grade grade/$*-* "$$DIR" "$$TEST"

##   make check-assignments   the solution passes, nothing else does, and each mistake fails where it should
##   make mutants             break chapter 3's library, one change at a time: does the right test notice each?
.PHONY: check-assignments mutants
check-assignments:
	@for folder in $(dir $(wildcard grade/*/parts.sh)); do \
		BUILD=$B grade/check $$folder && BUILD=$B/mutants grade/mutants $$folder || exit 1; \
	done
mutants:
	@for folder in $(dir $(wildcard code/*/parts.sh)); do BUILD=$B/mutants grade/mutants $$folder || exit 1; done
