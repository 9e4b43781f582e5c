#!/usr/bin/env bash
# The editors' syntax files know every word of the grammar, and load. usage: editors.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

words=$(sed -n '/^static const struct keyword keywords/,/^};/s/^\t{ "\([a-z]*\)".*/\1/p' "$root/grammar/msb.l")
words="$words allow deny because until log resolve sni egress ingress any public private loopback link-local meta
multicast host dns tcp udp icmpv4 icmpv6 domain suffix nameserver timeout rebind-protection nat64-prefix bandwidth ops burst answer"
for file in msb.vim msb.tmLanguage.json; do
	missing=
	for word in $words; do
		grep -q -- "$word" "$root/editors/$file" || missing="$missing $word"
	done
	same "editors/$file-words" "" "$missing"
done

python3 - "$root/editors/msb.tmLanguage.json" <<-'END' 2>why
	import json, re, sys
	grammar = json.load(open(sys.argv[1], encoding="utf-8"))
	names = set(grammar["repository"])
	def walk(node):
	    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
	        if key == "match":
	            re.compile(value)
	        elif key == "include" and isinstance(value, str):
	            assert value[1:] in names, value
	        elif isinstance(value, (dict, list)):
	            walk(value)
	walk(grammar)
END
check editors/textmate-patterns $? "$(tail -1 why)"

if vim --version 2>/dev/null | grep -q '+syntax'; then
	cat >show.vim <<-END
		syntax on
		syntax clear
		unlet! b:current_syntax
		source $root/editors/msb.vim
		let names = []
		for column in range(1, col('$') - 1)
			call add(names, synIDattr(synID(1, column, 1), 'name'))
		endfor
		call writefile(names, 'names')
		qall!
	END
	echo 'allow@public:tcp:443  because "x" # c' >line.msb
	vim -u NONE -es -S show.vim line.msb </dev/null
	same editors/vim-colours-a-rule "msbAllow msbClass msbProtocol msbPorts msbAttribute msbString msbComment " \
		"$(uniq names | grep . | tr '\n' ' ')"
else
	skip editors/vim-colours-a-rule "no vim with syntax support"
fi
finish
