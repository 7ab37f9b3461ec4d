#!/bin/sh
# Python 3.11.2: where SIGCHLD is ignored, and it stays so across exec when a parent ignored it,
# subprocess.run(["false"], check=True) returns 0 and raises nothing. The kernel has thrown the child's status away,
# waitpid says ECHILD, and subprocess takes that for 0. A script that relies on check=True goes on after every failure,
# if whatever started it ignored SIGCHLD. Programs that do not choose their parents set SIGCHLD to SIG_DFL when they
# start.
. "$(dirname "$0")/common"
debs python3.11-minimal=3.11.2-6+deb12u9 libpython3.11-minimal=3.11.2-6+deb12u9 libpython3.11-stdlib=3.11.2-6+deb12u9

cat >run.py <<'END'
import subprocess
try:
    print("no exception, returncode", subprocess.run(["false"], check=True).returncode)
except subprocess.CalledProcessError as error:
    print("CalledProcessError:", error)
END
for signals in --default-signal=CHLD --ignore-signal=CHLD; do
	echo "$signals: $(env $signals PYTHONHOME="$PWD/usr" usr/bin/python3.11 run.py)"
done >out
seen <<END
--default-signal=CHLD: CalledProcessError: Command '['false']' returned non-zero exit status 1.
--ignore-signal=CHLD: no exception, returncode 0
END
