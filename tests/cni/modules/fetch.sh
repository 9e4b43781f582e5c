#!/usr/bin/env bash
# The modules of the CRI client and of the manifests' schemas, by npm's lock files. usage: fetch.sh BUILD, which gets cri/node_modules and
# manifests/node_modules
set -eu
build=$(realpath "${1:?usage: fetch.sh BUILD}")
here=$(cd "$(dirname "$0")/.." && pwd)
for part in cri manifests; do
	mkdir -p "$build/$part"
	! cmp -s "$here/$part/package-lock.json" "$build/$part/fetched" || continue
	cp "$here/$part"/package{,-lock}.json "$build/$part/"
	(cd "$build/$part" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=1 --fetch-timeout=60000)
	cp "$here/$part/package-lock.json" "$build/$part/fetched"
done
