#!/bin/sh
# dash 0.5.12, Debian's /bin/sh, beside bash 5.2.15, mksh 59c and the sh of busybox 1.35.0: in `sh -c COMMAND` the
# others become the command, dash stays and waits for it. POSIX allows both. But who starts a command in this way, as
# Python's Popen(shell=True) does, has the process id of the shell: a signal sent to it reaches the command under three
# of them, and under dash it ends the shell only, and the command runs on. A program tested where sh is bash leaves
# processes behind on Debian. With `exec` before the command all are alike.
. "$(dirname "$0")/common"
debs dash=0.5.12-2 bash=5.2.15-2+b13 mksh=59c-28+deb12u1 busybox=1:1.35.0-4+deb12u1+b1

for shell in bin/dash bin/bash bin/mksh "bin/busybox sh"; do
	for command in "/bin/cat /proc/self/stat" "exec /bin/cat /proc/self/stat"; do
		$shell -c "$command" >stat &
		wait $!
		read -r pid _ <stat # whose process cat(1) was
		[ "$pid" = $! ] && who="the process that was started" || who="another process"
		echo "${shell#bin/}, ${command%% *}: $who"
	done
done >out
seen <<END
dash, /bin/cat: another process
dash, exec: the process that was started
bash, /bin/cat: the process that was started
bash, exec: the process that was started
mksh, /bin/cat: the process that was started
mksh, exec: the process that was started
busybox sh, /bin/cat: the process that was started
busybox sh, exec: the process that was started
END
