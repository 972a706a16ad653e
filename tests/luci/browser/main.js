'use strict';

// main.js [--json FILE] [--program FILE] [--pictures DIRECTORY] [CASE...]: see ../README.md.

const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');

function usage(words) {
	const options = { only: [] };

	while (words.length) {
		const word = words.shift();

		if ([ '--json', '--program', '--pictures' ].includes(word) && words.length)
			options[word.slice(2)] = path.resolve(words.shift());
		else if (/^[a-z]+$/.test(word))
			options.only.push(word);
		else
			throw new Error(`unknown argument ${word}`);
	}

	return options;
}

class Results {
	constructor() {
		this.list = [];
	}

	// A check of a case: `bad` is a list of what is wrong.
	check(name, bad) {
		const wrong = [].concat(bad ?? []).filter(Boolean);

		this.list.push({ name, passed: !wrong.length, wrong });
		console.log(`${wrong.length ? 'FAIL' : 'ok  '}  ${name}`);
		for (const line of wrong.slice(0, 12))
			console.log(`      ${line}`);
	}

	note(name, value) {
		this.list.push({ name, passed: true, value });
		console.log(`note  ${name}: ${value}`);
	}
}

async function main() {
	const options = usage(process.argv.slice(2));
	const { LUCI_ROOT: source, LUCI_URL: url, LUCI_SHELL: shell } = process.env;
	const results = new Results();
	// In a machine the pages show what the program itself says, so a case that has it say
	// something else cannot run there.
	const wanted = options.only.length || !url ? options.only : [ 'walk' ];
	const names = fs.readdirSync(path.join(__dirname, 'cases')).map(name => path.basename(name, '.js')).sort();
	let outcome = 1;
	let reason = null;
	let site = null;
	let opened = null;

	for (const name of options.only)
		if (!names.includes(name))
			throw new Error(`there is no case ${name}; there are ${names.join(', ')}`);

	if (spawnSync(options.program, [ '--version' ]).status !== 0)
		throw new Error(`${options.program} does not run`);

	try {
		const { Real } = require('./real.js');
		const { Machine } = require('./router.js');
		const { StandIn } = require('./stand-in/site.js');

		site = url ? new Machine(url, shell) : source ? new Real(path.resolve(source), options.program) : await StandIn.start(options.program);
		opened = await require('./browser.js').open();

		for (const name of names.filter(name => !wanted.length || wanted.includes(name))) {
			const { needs, run } = require(`./cases/${name}.js`);

			if (needs === 'real' && !site.real)
				continue;

			const start = Date.now();

			console.log(`== ${name}`);
			try {
				await run({ browser: opened.browser, site, results, options });
			}
			catch (error) {
				results.check(`${name} comes to its end`, String(error.stack ?? error).split('\n').slice(0, 8).join('\n      '));
			}
			console.log(`== ${name}: ${((Date.now() - start) / 1000).toFixed(1)} s`);
		}

		outcome = results.list.length && results.list.every(({ passed }) => passed) ? 0 : 1;
	}
	catch (error) {
		reason = error.message;
		outcome = error.lacks || /Executable doesn't exist|Failed to launch/.test(error.message) ? 77 : 1;
		console.log(`${outcome === 77 ? 'SKIP' : 'FAIL'}  ${reason}`);
	}
	finally {
		await opened?.close();
		await site?.stop();
	}

	const failed = results.list.filter(({ passed }) => !passed).length;

	console.log(`${results.list.length - failed} passed, ${failed} failed, on ${source || url ? 'the real LuCI' : 'the stand-in'}`);
	if (options.json)
		fs.writeFileSync(options.json, `${JSON.stringify({ schema: 1, luci: source || url ? 'real' : 'stand-in', outcome, reason, checks: results.list }, null, '\t')}\n`);

	return outcome;
}

main().then(outcome => process.exit(outcome), error => {
	console.error(String(error.stack ?? error));
	process.exit(1);
});
