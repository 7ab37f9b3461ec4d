# The assignments.

##   make assignment-03 DIR=my-frame   test your solution of chapter 3's assignment
##   make check-assignments            the solution passes, and every wrong one fails where it should
.PHONY: assignment-03 check-assignments
assignment-03:
	+@$(MAKE) --no-print-directory -C code/03-eintr-safe-wrapper/assignment $@ $(if $(DIR),DIR=$(abspath $(DIR))) \
		$(if $(TEST),TEST=$(TEST))
check-assignments:
	+@$(MAKE) --no-print-directory -C code/03-eintr-safe-wrapper/assignment check

##   make mutants       break chapter 3's library, one change at a time: does a test notice each? (minutes)
.PHONY: mutants
mutants:
	@BUILD=$(abspath $B)/mutants TESTS="test_safe_io test_conn test_conn_faults test_fault_matrix" $(wrapper)/mutants.sh
