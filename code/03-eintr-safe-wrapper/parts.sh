# shellcheck shell=sh disable=SC2034
# What ../../grade/mutants breaks here, and with which tests: see ../../grade/compile.sh.
sources="safe_io.h safe_io.c conn.h conn.c"
tests="test_safe_io test_conn test_conn_faults test_fault_matrix"
kit="../01-blocking-pipe/tick.c ../b-testing-signals/testkit.c ../../grade/only.c"
options="-O1 -I. -I../b-testing-signals"
warnings="-w"
libs="-lcmocka -lpthread"
