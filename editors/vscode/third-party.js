// Prints the licences of the packages of which something is in the bundle, as dist/meta.json names them.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const inputs = Object.keys(JSON.parse(fs.readFileSync('dist/meta.json', 'utf8')).inputs);
const directories = new Set(inputs.flatMap((input) => input.match(/^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/) ?? []));
for (const directory of [...directories].sort()) {
	const { name, version, license } = JSON.parse(fs.readFileSync(path.join(directory, 'package.json'), 'utf8'));
	const file = fs.readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry));
	if (!file)
		throw new Error(`${name}: no licence`);
	console.log(`${name} ${version} (${license})\n\n${fs.readFileSync(path.join(directory, file), 'utf8').trim()}\n`);
}
