'use strict';

// Every state that the program can tell of is shown with one sentence and one action, on every page.

const { page, seen } = require('../browser.js');
const worlds = require('../worlds.js');

const PAGES = { status: 'admin/status/mape/status', doctor: 'admin/status/mape/doctor' };

async function settled(it) {
	await it.waitForFunction(() => document.querySelector('.mape-page') && !document.querySelector('.mape-page .spinning'), null, { timeout: 20000 });
}

async function run({ browser, site, results, options }) {
	const it = await page(browser, site);

	for (const [ name, state ] of Object.entries(worlds.states())) {
		const wrong = [];

		site.answers(worlds.make(options.program, name, state.change));
		site.interfaces(state.none ? {} : { wan: {} });

		await it.goto(site.base + '/cgi-bin/luci/' + PAGES.status);
		await settled(it);

		const told = await it.$$eval('.mape-page .mape-problem', nodes => nodes.map(node => node.querySelector('p')?.textContent ?? ''));

		if (state.problem && !told.length)
			wrong.push('the status page tells of no problem');
		if (name === 'up' && told.length)
			wrong.push(`the status page tells of a problem where there is none: ${told[0]}`);
		for (const sentence of told)
			if (sentence.length < 20 || /MAPE_|undefined|null|\[object|NaN|%s|%d/.test(sentence))
				wrong.push(`no sentence: ${sentence}`);
		if (state.unknown && (await it.$$('.mape-page .mape-unknown')).length < 3)
			wrong.push('what is unknown is not called so');
		if (state.unknown && (await it.$$eval('.mape-page .mape-cell-count', nodes => nodes.filter(node => !/^\?/.test(node.textContent)).length)))
			wrong.push('a block of which nothing is known shows a number');

		await it.goto(site.base + '/cgi-bin/luci/' + PAGES.doctor);
		await settled(it);

		const checks = await it.$$eval('.mape-check', nodes => nodes.map(node => ({
			name: node.dataset.check, fine: node.dataset.fine === 'yes', lines: [ ...node.querySelectorAll('p') ].map(line => line.textContent)
		})));

		for (const expected of [ state.check, state.plus ].filter(Boolean))
			if (!checks.some(check => check.name === expected && !check.fine))
				wrong.push(`the diagnosis does not tell that ${expected} is wrong`);
		for (const check of checks)
			if (!check.fine && check.lines.length < 3)
				wrong.push(`${check.name} is wrong and says nothing to do`);
		if (!checks.length)
			wrong.push('the diagnosis shows no check');

		results.check(`${name}: one sentence and one action on each page`, [ ...wrong, ...seen(it) ]);
		it.seen.errors.length = 0;
	}

	await it.context().close();
}

module.exports = { run, settled, PAGES };
