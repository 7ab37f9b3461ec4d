# shellcheck shell=sh disable=SC2034
# What this assignment is made of: see ../compile.sh.
sources="solution/frame.c starter/frame.h"
functions="full_read full_write send_message recv_message"
tests="test_frame"
hidden="test_frame_instructor"
kit="framekit.c ../faultkit.c ../judge.c"
options="-I. -I.. -Istarter"
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"
