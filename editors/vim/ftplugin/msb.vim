" msb-policy files (*.msb). In Neovim it starts the language server, unless g:msb_lsp is 0.
if exists('b:did_ftplugin')
	finish
endif
let b:did_ftplugin = 1

setlocal commentstring=#\ %s comments=:#
let b:undo_ftplugin = 'setlocal commentstring< comments<'
if has('nvim') && get(g:, 'msb_lsp', 1)
	lua require('msb').start()
endif
