#!/usr/bin/env bash
# Packages the extension: what npm's lock file names, bundled into one file. usage: package.sh BUILD, which gets
# msb-policy.vsix
set -eu
build=$(realpath "${1:?usage: package.sh BUILD}")
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
for program in node npm; do
	command -v "$program" >/dev/null || { echo "package.sh: error: no $program: ./deps.sh vsix installs it" >&2; exit 1; }
done
mkdir -p "$build/vscode/syntaxes"
cd "$build/vscode"
cp -r "$here"/{package.json,package-lock.json,language-configuration.json,README.md,.vscodeignore,src,third-party.js} .
cp "$root/editors/msb.tmLanguage.json" syntaxes/
cp "$root/LICENSE" .
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=1 --fetch-timeout=60000
npm run --silent bundle -- --log-level=warning
node third-party.js >dist/third-party.txt
npx --no-install vsce package --no-dependencies --allow-missing-repository --out "$build/msb-policy.vsix" >vsce.log ||
	{ cat vsce.log >&2; exit 1; }
echo "$build/msb-policy.vsix"
