# The output of a cmocka test program, shorter: a line for each test, what is wrong, and a summary. What the tests or
# the program under test print is passed on. The exit status is 0 if all tests have passed: counted here, since that of
# the program is no help when it has crashed, or with 256 failures.

/^\[==========\] Running/       { announced = $3; next }
/^\[ RUN      \]/               { running = $NF; text = ""; next }
/^\[       OK \]/               { print "ok      " running; passed++; running = ""; next }
/^\[  FAILED  \]/ && running != "" && $NF == running {
    print "FAILED  " running
    print "        " (text == "" ? "no reason was given" : text)
    if (failed++ == 0)
        first = running
    running = ""
    next
}
running == ""                   { next } # cmocka's own summary
/^ERROR: /                      { text = substr($0, 8); sub(/ +$/, "", text); next }
/^\[  ERROR   \]|^\[   LINE   \]/ { next }
                                { print }

END {
    if (running != "") {
        print "the test program ended in the middle of " running
        if (failed == 0)
            first = running
    }
    if (announced + 0 == 0)
        print "no test was run: is there one of this name?"
    printf "passed %d of %d", passed, announced
    print first == "" ? "" : "; first to look at: " first
    exit !(announced > 0 && passed == announced && failed == 0)
}
