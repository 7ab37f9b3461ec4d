#!/bin/sh
# timeout(1) of busybox 1.35.0 and of coreutils 9.1: when the time is up, a script learns 124 from coreutils and 143
# from busybox. There the process that was started as `timeout` becomes the command, and a child of it does the waiting
# and the killing: so the status is that of a command killed by SIGTERM (128 + 15), and `[ $? -eq 124 ]`, right on
# Debian, never holds in a container made from busybox. It kills the command alone, too: what that has started stays,
# where coreutils makes a process group and kills all of it.
. "$(dirname "$0")/common"
debs busybox=1:1.35.0-4+deb12u1+b1 coreutils=9.1-1

for timeout in "bin/busybox timeout" "usr/bin/timeout"; do
	mkfifo pipe
	cat pipe >text & # ends when nobody has the FIFO open any more
	status=0
	{ $timeout 1 sh -c '(sleep 3; echo "lives on") & wait' >pipe || status=$?; } 2>stderr # "Terminated", says the shell
	wait $!
	echo "${timeout#*bin/}: status $status, the child of the command $(grep . text || echo "is killed")"
	rm pipe
done >out
seen <<END
busybox timeout: status 143, the child of the command lives on
timeout: status 124, the child of the command is killed
END
