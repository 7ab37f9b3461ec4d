# What the common test must know of each program: awk -f code/contracts.awk FILE.c...
#
# Prints a line `FOLDER NAME WORD...` for each program whose first comment has a line `usage: NAME [-h]` with its own
# name; others are somebody's own. WRONG at the comment's beginning gives the word `wrong`; the line
#
#     contract: WORD, WORD...
#
# gives the rest. The words are: forks (has a child for a while), hangs (only a signal ends it), spins (waits without a
# call), rounds (after SIGINT it works on for up to ten ticks), silent (prints nothing), `status N` and `killed by N`
# (the end of an undisturbed run, if it is not status 0).

FNR == 1 {
	n = split(FILENAME, path, "/")
	folder = path[n - 1]
	name = path[n]
	sub(/\.c$/, "", name)
	words = ""
	ours = 0
}
FNR == 1 && /^\/\* WRONG: / { words = " wrong" }
$2 == "usage:" && $3 == name && $4 ~ /^\[-h\]/ { ours = 1 }
$2 == "contract:" {
	line = $0
	sub(/.*contract: */, "", line)
	sub(/ *\*\/.*/, "", line)
	gsub(/ by /, "=", line)
	gsub(/status /, "status=", line)
	gsub(/, */, " ", line)
	words = words " " line
}
/\*\// {
	if (ours) print folder " " name words
	nextfile
}
