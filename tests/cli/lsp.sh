#!/usr/bin/env bash
# The language server as editors meet it: by the protocol's own messages, and by Neovim. usage: lsp.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

python3 -B "$root/tests/cli/lsp/protocol.py" "$policyc" "$work" 2>why
check lsp/protocol-script $? "$(tail -3 why)"

# What it does to the machine meanwhile: it opens what policies include, to read it, and nothing else
mkdir -p tree/sub quiet && echo 'allow@secret' >secret.msb && echo 'group g = a.org' >tree/sub/base.msb
cat >traced <<-END
	#!/bin/sh
	exec env ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o '$work/trace' \\
		-e trace=execve,open,openat,openat2,creat,socket,rename,renameat2,unlink,unlinkat,mkdir,mkdirat,fork,vfork,clone,clone3 '$policyc' "\$@"
END
chmod +x traced
python3 -B - "$root/tests/cli/lsp" "$work" <<-'END' 2>why
	import sys
	sys.path.insert(0, sys.argv[1])
	from client import Client
	client, uri = Client(sys.argv[2] + "/traced"), "file://" + sys.argv[2] + "/tree/top.msb"
	client.open(uri, 'default egress deny\ninclude "sub/base.msb"\ninclude "../secret.msb"\ninclude "/etc/passwd"\ninclude "s"\n')
	client.wait_findings(uri)
	client.at("completion", uri, 4, 10)
	client.change(uri, {"text": 'default egress deny\ninclude "sub/base.msb"\nallow@g:tcp:443 log because "x"\nexpect allow dns@a.org\n'})
	for method, at in [("hover", (2, 7)), ("hover", (3, 15)), ("definition", (2, 7)), ("definition", (1, 10)), ("completion", (2, 6))]:
	    assert client.at(method, uri, *at)
	for method in ("formatting", "codeLens", "documentSymbol"):
	    assert client.of(method, uri, options={})
	assert client.end() == 0
END
check lsp/traced $? "$(tail -1 why)"
same lsp/starts-nothing 1 "$(grep -cE 'execve|fork|clone' trace)"
lacks lsp/writes-nothing "$(cat trace)" 'O_WRONLY|O_RDWR|O_CREAT|rename|unlink|mkdir|creat\('
lacks lsp/no-network "$(cat trace)" 'socket'
opened=$(sed -nE 's/^.* open[a-z0-9]*\(([A-Z_]+|[0-9]+), "([^"]*)".*\) = [0-9]+$/\2/p' trace |
	grep -vE '^/(etc/ld\.so|etc/localtime|dev/urandom|lib|usr/|proc|sys)' | LC_ALL=C sort -u | tr '\n' ' ')
same lsp/reads-only-what-is-included ".// $work/tree sub/base.msb " "$opened"

mkdir nvim && cd nvim || exit 3
cat >base.msb <<-'END'
	group everyday = pypi.org
END
cat >agent.msb <<-'END'
	default egress deny
	include "base.msb"
	group vcs = github.com, *.githubusercontent.com  # → 🙂
	allow@vcs:tcp:443
	allow@github.com:tcp:443
	expect allow egress@github.com:tcp:443
	expect deny dns@github.com
END
if nvim --version >/dev/null 2>&1; then
	HOME=$work MSB_POLICYC=$policyc timeout 300 nvim --headless -u NONE -i NONE -n -c "luafile $root/tests/cli/lsp/nvim.lua" 2>why </dev/null
	check nvim/ends $? "$(tail -3 why)"
	cat >init.vim <<-END
		set runtimepath^=$root/editors/vim
		let g:msb_lsp_command = ['$policyc', 'lsp']
	END
	cat >plug-in.lua <<-'END'
		local found = vim.wait(60000, function() return #vim.diagnostic.get(0) > 0 end, 20)
		vim.cmd(found and 'qall!' or 'cquit!')
	END
	HOME=$work timeout 120 nvim --headless -u init.vim -i NONE -n agent.msb -c 'luafile plug-in.lua' 2>why </dev/null
	check nvim/plug-in-starts-the-server $? "$(tail -3 why)"
else
	skip nvim "no nvim here"
fi
finish
