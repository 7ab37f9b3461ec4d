# compile.sh - how ./grade and ./mutants compile and link. Sourced by them, beside a folder's parts.sh:
#
# sources   the files that students write, or that mutants break (.c and .h), with paths from the folder
# tests     the test programs, without .c; hidden: those that are not handed out
# kit       what each test program is linked with besides
# options   compiler options for all of it;  warnings: for the sources alone
# libs      libraries

# shellcheck shell=sh disable=SC2046,SC2086,SC2154 # options are words
: "${CC:=gcc}" "${CPPFLAGS:=-D_XOPEN_SOURCE=700}" "${CFLAGS:=-std=c11 -O2 -g}"

# -U_FORTIFY_SOURCE: with it read would become __read_chk, and a test that wraps it would not see it.
compile() { # SOURCE OBJECT [OPTION...]
	source=$1 object=$2
	shift 2
	$CC $CPPFLAGS -U_FORTIFY_SOURCE $CFLAGS "$@" $options -c -o "$object" "$source"
}

object() { # SOURCE: its object's name
	source=${1##*/}
	echo "${source%.c}.o"
}

compile_tests() { # DIR: the test programs' own objects, and the kit's, go there
	jobs=''
	for source in $kit $(for t in $tests ${hidden-}; do echo "$t.c"; done); do
		compile "$PWD/$source" "$1/$(object "$source")" -w &
		jobs="$jobs $!"
	done
	for job in $jobs; do wait "$job" || return; done
}

# A test program is linked with --wrap=read if there is a __wrap_read in it.
link() { # TEST DIR-OF-TESTS DIR-OF-SOURCES PROGRAM; without sources, if that is empty; options in $link_options
	objects=$2 broken=$3 program=$4
	set -- "$objects/$1.o"
	for source in $kit; do set -- "$@" "$objects/$(object "$source")"; done
	[ -z "$broken" ] || for source in $sources; do
		case $source in *.c) set -- "$@" "$broken/$(object "$source")" ;; esac
	done
	$CC $CFLAGS $(nm "$@" | sed -n 's/.* T __wrap_/-Wl,--wrap=/p') -o "$program" "$@" ${link_options-} ${libs-}
}

# The judge of a test program: the same, without any of the functions that students write. Each of them stands for main
# in it, and is not called.
link_judges() { # DIR-OF-TESTS: judge-TEST, for each
	for t in $tests ${hidden-}; do
		link_options=$(for f in $functions; do echo "-Wl,--defsym=$f=main"; done)
		link "$t" "$1" "" "$1/judge-$t" || return
		link_options=
	done
}
