#!/usr/bin/env bash
# The language server as editors meet it: by the protocol's own messages, and by Neovim. usage: lsp.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

python3 -B "$root/tests/cli/lsp/protocol.py" "$policyc" "$work" 2>why
check lsp/protocol-script $? "$(tail -3 why)"

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
