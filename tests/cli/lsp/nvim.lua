-- Drives the language server by Neovim's own client: prints TAP. MSB_POLICYC is the server, the working directory has
-- agent.msb and base.msb.
local WAIT = 60000
local failed = false

local function report(name, holds, why)
	io.stdout:write((holds and 'ok ' or 'not ok '), 'nvim/', name, holds and '' or ' - ' .. vim.inspect(why):gsub('\n', ' '), '\n')
	failed = failed or not holds
end

local function request(method, params)
	local answers = vim.lsp.buf_request_sync(0, 'textDocument/' .. method, params, WAIT) or {}
	for _, answer in pairs(answers) do
		return answer.result
	end
end

-- Position parameters of the first place where the text is in the buffer (on a line of ASCII), `more` characters further
-- on, and its line
local function at(pattern, more)
	for number, line in ipairs(vim.api.nvim_buf_get_lines(0, 0, -1, false)) do
		local column = line:find(pattern, 1, true)
		if column then
			return {
				textDocument = vim.lsp.util.make_text_document_params(),
				position = { line = number - 1, character = column - 1 + (more or 0) },
			}, number
		end
	end
	error('no ' .. pattern)
end

local function text()
	return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
end

local function finding(code)
	for _, found in ipairs(vim.diagnostic.get(0)) do
		if found.code == code or (found.user_data and found.user_data.lsp and found.user_data.lsp.code == code) then
			return found
		end
	end
end

local function run()
	vim.cmd('edit agent.msb')
	local id = vim.lsp.start_client({ cmd = { vim.env.MSB_POLICYC, 'lsp' }, root_dir = vim.fn.getcwd() })
	vim.lsp.buf_attach_client(0, id)

	vim.wait(WAIT, function() return finding('redundant-rule') ~= nil end, 20)
	local redundant = finding('redundant-rule') or {}
	local _, line = at('allow@github.com:tcp:443', 0)
	report('findings', redundant.lnum == line - 1 and redundant.col == 0, vim.diagnostic.get(0))

	local hover = request('hover', at('allow@vcs', 7)) or { contents = { value = '' } }
	report('hover', hover.contents.value:find('Only this rule allows', 1, true) ~= nil, hover)

	local definition = request('definition', at('allow@vcs', 7)) or {}
	_, line = at('group vcs', 0)
	report('definition', definition.range and definition.range.start.line == line - 1, definition)
	definition = request('definition', at('include "base.msb"', 12)) or {}
	report('definition-of-include', definition.uri == vim.uri_from_fname(vim.fn.getcwd() .. '/base.msb'), definition)

	vim.api.nvim_buf_set_lines(0, -1, -1, false, { 'deny@v' })
	local completion = request('completion', at('deny@v', 6)) or { items = {} }
	report('completion', #completion.items == 1 and completion.items[1].label == 'vcs', completion)
	vim.lsp.util.apply_text_edits({ completion.items[1].textEdit }, 0, 'utf-16')
	report('completion-applied', text():find('\ndeny@vcs$') ~= nil, text())
	vim.api.nvim_buf_set_lines(0, -2, -1, false, {})

	vim.lsp.codelens.refresh()
	vim.wait(WAIT, function() return #vim.lsp.codelens.get(0) == 2 end, 20)
	local titles = {}
	for _, lens in ipairs(vim.lsp.codelens.get(0)) do
		table.insert(titles, lens.command.title)
	end
	table.sort(titles)
	report('code-lens', titles[1] and titles[1]:find('^fails: allowed by rule 1, line %d+$') and titles[2] == 'holds', titles)

	local symbols = request('documentSymbol', { textDocument = vim.lsp.util.make_text_document_params() }) or {}
	report('symbols', #symbols == 7 and symbols[3].name == 'vcs', symbols)

	local params, number = at('allow@github.com:tcp:443', 0)
	params.range = { start = params.position, ['end'] = params.position }
	params.context = { diagnostics = {} }
	local actions = request('codeAction', params) or {}
	local ignore
	for _, action in ipairs(actions) do
		ignore = action.title:find('^Ignore `redundant%-rule`') and action or ignore
	end
	if ignore then
		vim.lsp.util.apply_workspace_edit(ignore.edit, 'utf-16')
	end
	local added = vim.api.nvim_buf_get_lines(0, number - 1, number, false)[1]
	report('code-action-applied', added == '# lint: ignore redundant-rule ', added)
	vim.api.nvim_buf_set_lines(0, number - 1, number, false, { added .. 'said twice — for the reader 🙂' })
	report('ignored', vim.wait(WAIT, function() return finding('redundant-rule') == nil end, 20), vim.diagnostic.get(0))

	vim.api.nvim_buf_set_lines(0, -1, -1, false, { '   allow@vcs : tcp', 'allow@vcs:tcp:22    log    because "x"' })
	vim.api.nvim_buf_set_lines(0, -3, -2, false, { '   allow@vcs:tcp:80' })
	if vim.lsp.buf.format then
		vim.lsp.buf.format({ timeout_ms = WAIT })
	else
		vim.lsp.buf.formatting_sync(nil, WAIT)
	end
	report('format', text():find('\nallow@vcs:tcp:80\nallow@vcs:tcp:22 +because "x" +log$') ~= nil, text())

	params = at('allow@vcs:tcp:80', 7)
	params.newName = 'hub'
	local renamed = request('rename', params)
	if renamed then
		vim.lsp.util.apply_workspace_edit(renamed, 'utf-16')
	end
	local _, count = text():gsub('%f[%w]hub%f[%W]', '')
	report('rename-applied', count == 4 and not text():find('@vcs') and text():find('\ngroup hub = '), text())

	vim.lsp.stop_client(id)
	report('stops', vim.wait(WAIT, function() return vim.lsp.get_client_by_id(id) == nil or vim.lsp.client_is_stopped(id) end, 20), 'it runs on')
end

local fine, why = pcall(run)
if not fine then
	report('runs', false, why)
end
io.stdout:flush()
vim.cmd(failed and 'cquit!' or 'qall!')
