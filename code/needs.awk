# The objects that an object needs: awk -v build=BUILD -f code/needs.awk BUILD/code/X/y.d
#
# A .d file is what the compiler says a source includes. For each header of ours that stands beside a .c of its name,
# that module's object is printed, and what that one includes is followed in turn.

function plain(path) { # code/02-x/../01-y/z.h is code/01-y/z.h
	while (match(path, /[^\/]+\/\.\.\//)) path = substr(path, 1, RSTART - 1) substr(path, RSTART + RLENGTH)
	return path
}

function follow(file,    line, words, n, i, module) {
	while ((getline line < file) > 0) {
		n = split(line, words, /[ :\\]+/)
		for (i = 1; i <= n; i++) {
			module = plain(words[i])
			if (sub(/\.h$/, "", module) == 0 || module !~ /^code\// || module in seen) continue
			seen[module]
			if ((getline line < (module ".c")) < 0) continue # a header alone
			printf " %s/%s.o", build, module
			queue[++last] = build "/" module ".d"
		}
	}
	close(file)
}

BEGIN {
	queue[++last] = ARGV[1]
	for (at = 1; at <= last; at++) follow(queue[at])
}
