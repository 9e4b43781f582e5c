#!/usr/bin/env bash
# The modules of the CRI client, by npm's lock file. usage: fetch.sh BUILD, which gets cri/node_modules
set -eu
build=$(realpath "${1:?usage: fetch.sh BUILD}")
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$build/cri"
cmp -s "$here/package-lock.json" "$build/cri/fetched" && exit
cp "$here"/package{,-lock}.json "$build/cri/"
cd "$build/cri"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=1 --fetch-timeout=60000
cp "$here/package-lock.json" fetched
