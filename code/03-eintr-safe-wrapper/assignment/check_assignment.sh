#!/bin/sh
# check_assignment.sh - proves that the assignment's tests tell right from wrong. For its author, not for students.
#
# usage: [BUILD=dir] check_assignment.sh
#
# The solution must pass both test files, with gcc and clang. The starter must compile without a warning, and fail each
# public test. Each wrong solution in mutants/ must compile without a warning, and fail the test that its second line
# names; if that is one of the instructor's, it must pass the public ones, or it would prove nothing.
cd "$(dirname "$0")" || exit 1
: "${BUILD:=../../../build/assignment-03}"
mkdir -p "$BUILD" || exit 1
work=$(cd "$BUILD" && pwd)/check
rm -rf "$work"
passed=0
failed=0

good() { echo "ok      $1"; passed=$((passed + 1)); }
bad() { echo "FAILED  $1"; failed=$((failed + 1)); }

# Builds and runs one suite on one frame.c: run FOLDER-FOR-BUILDING FRAME SUITE [TEST], with CC from the environment.
run() {
    make --no-print-directory BUILD="$1" FRAME="$2" SUITE="$3" TEST="$4" \
        CFLAGS="-std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -O2 -g" CC="$CC" > "$work/log" 2>&1
}

clean_compile() { ! grep -q 'error:' "$work/log" && grep -q '^passed ' "$work/log"; }

for CC in gcc clang; do
    mkdir -p "$work/$CC"
    if ! command -v $CC > /dev/null; then
        echo "        $CC is not installed: not tried"
        continue
    fi
    for suite in test_frame test_frame_instructor; do
        if run "$work/$CC" solution/frame.c $suite ""; then
            good "solution, $CC, $suite: $(tail -n 1 "$work/log")"
        else
            bad "solution, $CC, $suite:"
            cat "$work/log"
        fi
    done
    run "$work/$CC" starter/frame.c test_frame ""
    if clean_compile && grep -q '^passed 0 of' "$work/log"; then
        good "starter, $CC: compiles, and fails each test"
    else
        bad "starter, $CC:"
        cat "$work/log"
    fi
done

CC=gcc
for mutant in mutants/*.c; do
    name=$(basename "$mutant" .c)
    killer=$(sed -n '2s/^ \* killed by: \([a-z_0-9]*\).*/\1/p' "$mutant")
    suite=test_frame
    grep -q "^TEST($killer)" test_frame_instructor.c && suite=test_frame_instructor
    if [ "$suite" = test_frame_instructor ] && ! run "$work/gcc" "$mutant" test_frame ""; then
        bad "$name: does not compile, or one of the public tests sees it already"
        cat "$work/log"
        continue
    fi
    if run "$work/gcc" "$mutant" $suite "$killer"; then
        bad "$name: SURVIVES $killer"
    elif clean_compile && grep -q "^FAILED  $killer$" "$work/log"; then
        good "$name: killed by $killer ($suite)"
    else
        bad "$name: no verdict from '$killer'"
        cat "$work/log"
    fi
done

rm -rf "$work"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
