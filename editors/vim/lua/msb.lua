-- Starts the language server for the buffer at hand: one server for all policies. g:msb_lsp_command is the command, as
-- a list, { 'msb-policyc', 'lsp' } where it is not set.
local msb = {}
local id

function msb.start()
	local command = vim.g.msb_lsp_command or { 'msb-policyc', 'lsp' }
	if vim.fn.executable(command[1]) ~= 1 then
		return
	end
	if not id then
		id = vim.lsp.start_client({
			name = 'msb-policyc',
			cmd = command,
			root_dir = vim.fn.getcwd(),
			on_exit = function() id = nil end,
		})
	end
	if id then
		vim.lsp.buf_attach_client(0, id)
	end
end

return msb
