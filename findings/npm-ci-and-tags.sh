#!/bin/sh
# npm 11.19.1, minisearch 7.1.1 and 7.2.0: a lock file pins a dependency that is asked for by a tag ("latest") only by
# the address in its "resolved" field. With the setting omit-lockfile-registry-resolved, which leaves these addresses
# out, the lock has version and hash as always; but from the day on which the tag has moved, `npm ci` refuses it, and
# `npm install` takes the newest and changes the lock. The package that asks so need not be one's own: lighthouse
# 12.8.2, which this book's checks use, brings one that asks for the latest third-party-web. That is why .ci/deps says
# `npm install`.
. "$(dirname "$0")/common"
npm install --prefix . --no-audit --no-fund npm@11.19.1 >npm.log 2>&1 || {
	cat npm.log >&2
	exit 2
}
npm="$PWD/node_modules/.bin/npm"

for omit in false true; do
	mkdir "$omit"
	echo '{"private": true, "dependencies": {"minisearch": "latest"}}' >"$omit/package.json"
	(
		cd "$omit" || exit
		"$npm" install --before=2025-01-01 --omit-lockfile-registry-resolved=$omit >/dev/null 2>&1
		echo "omit $omit: the lock has $(grep -o '"version": .*[0-9]"' package-lock.json)"
		if "$npm" ci >log 2>&1; then echo "  npm ci: fine"; else sed -n 's/.*error \(code\|Invalid:\)/  npm ci: \1/p' log; fi
		"$npm" install --omit-lockfile-registry-resolved=$omit >/dev/null 2>&1
		echo "  npm install: $(grep -o '"version": .*[0-9]"' package-lock.json)"
	)
done >out
seen <<END
omit false: the lock has "version": "7.1.1"
  npm ci: fine
  npm install: "version": "7.1.1"
omit true: the lock has "version": "7.1.1"
  npm ci: code EUSAGE
  npm ci: Invalid: lock file's minisearch@7.1.1 does not satisfy minisearch@7.2.0
  npm install: "version": "7.2.0"
END
