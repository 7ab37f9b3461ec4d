#!/bin/sh
# What a program's processes ask the kernel around each interrupted read, and what they get.
#
#   calls.sh PROGRAM
#
# strace prints the calls `read` and `rt_sigreturn`; of that, only what is between ERESTARTSYS and rt_sigreturn is
# shown, without what differs from run to run: addresses and process ids. Exit status: that of the pipeline.
[ $# -eq 1 ] || { echo "usage: calls.sh PROGRAM" >&2; exit 2; }
strace -f -e trace=read,rt_sigreturn "$1" 2>&1 |
	sed -un 's/0x[0-9a-f]*/.../; s/^\[pid *[0-9]*\] //; /ERESTART/,/sigreturn/p'
