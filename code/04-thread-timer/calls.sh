#!/bin/sh
# What the threads of a program's child read and write, up to its first message.
#
#   calls.sh PROGRAM
#
# strace prints each call with the number of its thread; here the first thread to read from descriptor 3 is "main", any
# other one "timer", and those before it are left out. Exit status: that of the pipeline.
[ $# -eq 1 ] || { echo "usage: calls.sh PROGRAM" >&2; exit 2; }
strace -f -o /dev/stderr -e trace=read,write "$1" 2>&1 >/dev/null | awk '
	/read\(3,? *</ && !main { main = $1 }
	main && !done { $1 = $1 == main ? "main: " : "timer:"; print }
	/write\(1, "sub process recv/ { done = 1 }'
