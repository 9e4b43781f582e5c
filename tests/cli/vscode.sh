#!/usr/bin/env bash
# The extension for VS Code: what it says of itself holds, and, where `make vsix` has packaged it, the package is whole and
# talks to the server. usage: vscode.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"
extension=$root/editors/vscode
vsix=$BUILD/msb-policy.vsix

python3 - "$extension" <<-'END' 2>why
	import json, os, re, sys
	here = sys.argv[1]
	manifest = json.load(open(here + "/package.json"))
	lock = json.load(open(here + "/package-lock.json"))
	source = open(here + "/src/extension.js").read()
	for kind in ("dependencies", "devDependencies"):
	    assert lock["packages"][""][kind] == manifest[kind], "the lock file is of another " + kind
	assert all("integrity" in entry for name, entry in lock["packages"].items() if name), "a package without a hash"
	settings = manifest["contributes"]["configuration"]["properties"]
	assert {"msb.server." + name for name in re.findall(r"settings\.get\('(\w+)'\)", source)} == set(settings), "settings"
	assert set(manifest["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]) == set(settings), "untrusted"
	assert [c["command"] for c in manifest["contributes"]["commands"]] == re.findall(r"registerCommand\('([\w.]+)'", source)
	json.load(open(here + "/language-configuration.json"))
END
check vscode/manifest $? "$(tail -1 why)"

if [ ! -e "$vsix" ]; then
	skip vscode/package "make vsix makes it"
	finish
fi
python3 -m zipfile -e "$vsix" unpacked || exit 3
same vscode/files "LICENSE.txt README.md dist/extension.js dist/third-party.txt language-configuration.json package.json syntaxes/msb.tmLanguage.json" \
	"$(cd unpacked/extension && find . -type f -printf '%P\n' | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//')"
try vscode/one-grammar cmp "$root/editors/msb.tmLanguage.json" unpacked/extension/syntaxes/msb.tmLanguage.json
contains vscode/licences "$(cat unpacked/extension/dist/third-party.txt)" '^vscode-languageclient [0-9.]+ \(MIT\)'
contains vscode/opens-policies "$(cat unpacked/extension/package.json)" '"\.msb"'
node "$root/tests/cli/vscode/load.js" unpacked/extension "$policyc" 2>why
check vscode/ends $? "$(tail -3 why)"
finish
