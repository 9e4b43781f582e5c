// Starts the language server of msb-policyc, `msb-policyc lsp`, for policies that are open, and hands its answers on.
'use strict';

const vscode = require('vscode');
const { LanguageClient } = require('vscode-languageclient/node');

let client;

async function start() {
	const settings = vscode.workspace.getConfiguration('msb.server');
	const command = settings.get('command');
	const server = { command, args: ['lsp', ...settings.get('arguments')] };
	client = new LanguageClient('msb', 'msb-policy', server, {
		documentSelector: [
			{ scheme: 'file', language: 'msb' },
			{ scheme: 'untitled', language: 'msb' },
		],
	});
	try {
		await client.start();
	} catch (error) {
		client = undefined;
		vscode.window.showErrorMessage(
			`${command} does not start: ${error.message}. Install msb-policy, or set msb.server.command to where it is.`);
	}
}

async function stop() {
	const running = client;
	client = undefined;
	await running?.stop();
}

async function restart() {
	await stop();
	await start();
}

async function activate(context) {
	context.subscriptions.push(
		vscode.commands.registerCommand('msb.restartServer', restart),
		vscode.workspace.onDidChangeConfiguration((event) => event.affectsConfiguration('msb.server') && restart()));
	await start();
}

module.exports = { activate, deactivate: stop };
