// Loads the packaged extension with a stand-in for the editor, has it start the server, open a policy, and ask for a
// hover. usage: load.js EXTENSION-DIRECTORY MSB_POLICYC; prints TAP
'use strict';

const Module = require('node:module');
const path = require('node:path');

const [directory, command] = process.argv.slice(2);
const WAIT = 60000;
const manifest = require(path.resolve(directory, 'package.json'));
let failed = false;

function check(name, holds, why) {
	console.log(`${holds ? 'ok' : 'not ok'} vscode/${name}${holds ? '' : ` - ${JSON.stringify(why)}`}`);
	failed ||= !holds;
}

// ---- the editor: what the client asks of it for one document, all else takes anything and does nothing ----

class Disposable {
	constructor(end) { this.end = end; }
	dispose() { this.end?.(); }
	static from(...all) { return new Disposable(() => all.forEach((one) => one.dispose())); }
}
class Position { constructor(line, character) { Object.assign(this, { line, character }); } }
class Range {
	constructor(a, b, c, d) {
		[this.start, this.end] = d === undefined ? [a, b] : [new Position(a, b), new Position(c, d)];
	}
}
class Uri {
	constructor(text) { this.text = text; this.scheme = text.split(':')[0]; this.fsPath = this.path = text.replace('file://', ''); }
	toString() { return this.text; }
	static parse(text) { return new Uri(text); }
	static file(name) { return new Uri(`file://${name}`); }
}
class EventEmitter {
	constructor() { this.listeners = []; this.event = (listener) => (this.listeners.push(listener), new Disposable()); }
	fire(value) { this.listeners.forEach((listener) => listener(value)); }
	dispose() {}
}
class CancellationTokenSource { constructor() { this.token = { isCancellationRequested: false, onCancellationRequested: event }; } cancel() {} dispose() {} }
class MarkdownString { constructor(value) { this.value = value ?? ''; } appendCodeblock() { return this; } }
class Hover { constructor(contents, range) { Object.assign(this, { contents, range }); } }
class CodeActionKind { append() { return this; } static Empty = new CodeActionKind(); }
class Diagnostic { constructor(range, message, severity) { Object.assign(this, { range, message, severity }); } }

const event = () => new Disposable();
const text = 'default egress deny\nallow@github.com:tcp:443\nallow@pubic\n';
const document = {
	uri: Uri.file('/nowhere/agent.msb'), languageId: 'msb', version: 1, getText: () => text, isDirty: false, isClosed: false,
	fileName: '/nowhere/agent.msb', lineCount: 4,
};
const shown = { findings: new Map(), errors: [], providers: {} };
const settings = { command, arguments: [] };

function matches(selector, subject) {
	return [selector].flat().some((one) => one.language === subject.languageId && one.scheme === subject.uri.scheme) ? 10 : 0;
}

const workspace = {
	textDocuments: [document], workspaceFolders: undefined, name: undefined, notebookDocuments: [],
	getConfiguration: (section) => ({ get: (key, other) => (section === 'msb.server' ? settings[key] : other) ?? other, inspect: () => undefined, has: () => false }),
	createFileSystemWatcher: () => ({ onDidCreate: event, onDidChange: event, onDidDelete: event, dispose() {} }),
	fs: { isWritableFileSystem: () => true }, isTrusted: true,
};
const languages = {
	match: matches,
	createDiagnosticCollection: () => ({
		set: (uri, findings) => shown.findings.set(uri.toString(), findings), delete() {}, clear() {}, dispose() {},
	}),
	registerHoverProvider: (_, provider) => { shown.providers.hover = provider; return new Disposable(); },
};
const commands = { registerCommand: (name) => { shown.command = name; return new Disposable(); }, executeCommand: async () => undefined };
const window = {
	createOutputChannel: () => ({ append() {}, appendLine() {}, show() {}, dispose() {}, clear() {} }),
	showErrorMessage: async (message) => { shown.errors.push(message); }, activeTextEditor: { document },
	visibleTextEditors: [{ document }], tabGroups: { all: [], onDidChangeTabs: event, onDidChangeTabGroups: event },
};

const empty = (name) => (name.startsWith('on') ? event : name.startsWith('register') || name.startsWith('create') ? () => new Disposable() : undefined);
const filled = (object) => new Proxy(object, { get: (target, name) => (name in target ? target[name] : typeof name === 'string' ? empty(name) : undefined) });
const classes = {};
const vscode = new Proxy({
	Disposable, Position, Range, Uri, EventEmitter, CancellationTokenSource, MarkdownString, Hover, CodeActionKind, Diagnostic, version: '1.91.0',
	CancellationError: class extends Error {}, LogLevel: {}, UIKind: {}, Location: class {}, env: { appName: 'test', language: 'en', uriScheme: 'test' },
	workspace: filled(workspace), languages: filled(languages), commands, window: filled(window), extensions: { all: [], getExtension: () => undefined },
}, { get: (target, name) => target[name] ?? (classes[name] ??= class {}) });

const load = Module._load;
Module._load = (request, ...rest) => (request === 'vscode' ? vscode : load(request, ...rest));

// ---- what the extension does there ----

async function until(holds) {
	for (const end = Date.now() + WAIT; !holds() && Date.now() < end;)
		await new Promise((resolve) => setTimeout(resolve, 20));
	return holds();
}

async function run() {
	const extension = require(path.resolve(directory, manifest.main));
	await extension.activate({ subscriptions: [] });
	check('starts', !shown.errors.length, shown.errors);
	await until(() => shown.findings.get(document.uri.toString())?.length);
	const findings = shown.findings.get(document.uri.toString()) ?? [];
	check('findings', findings.length === 1 && findings[0].range.start.line === 2, findings);
	await until(() => shown.providers.hover);
	const hover = await shown.providers.hover?.provideHover(document, new Position(0, 9), new CancellationTokenSource().token);
	check('hover', JSON.stringify(hover ?? '').includes('connections that the guest opens'), hover);
	check('command', manifest.contributes.commands.some(({ command: name }) => name === shown.command), shown.command);
	await extension.deactivate();
	settings.command = '/nowhere/msb-policyc';
	await extension.activate({ subscriptions: [] });
	check('says-that-the-program-is-not-there', shown.errors.some((message) => message.includes('msb.server.command')), shown.errors);
	await extension.deactivate();
}

run().catch((error) => check('runs', false, error.stack)).finally(() => process.exit(failed ? 1 : 0));
setTimeout(() => { check('ends', false, 'it hangs'); process.exit(1); }, 4 * WAIT).unref();
