'use strict';

// Every state of the program is shown with one sentence and one action, on every page.

const fs = require('fs');
const path = require('path');
const { page, seen } = require('../browser.js');
const worlds = require('../worlds.js');

const PAGES = { status: 'admin/status/mape/status', forward: 'admin/status/mape/forward', doctor: 'admin/status/mape/doctor' };

// Problems on the page: their sentence, and whether anything is said to do about it.
function problems(it) {
	return it.$$eval('.mape-page .mape-problem', nodes => nodes.map(node => {
		const sentence = node.querySelector('p')?.textContent ?? '';

		return { sentence, action: (sentence.match(/\.( |$)/g) ?? []).length > 1 || node.querySelector('button') !== null };
	}));
}

// What is wrong with them.
function unclear(list) {
	return list.flatMap(({ sentence, action }) => [
		(sentence.length < 20 || /MAPE_|undefined|null|\[object|NaN|%s|%d|^[A-Z_]+$/.test(sentence)) && `no sentence: ${sentence}`,
		!action && `nothing to do: ${sentence}`
	]);
}

async function settled(it) {
	await it.waitForFunction(() => document.querySelector('.mape-page') && !document.querySelector('.mape-page .spinning'), null, { timeout: 20000 });
}

// A button is pressed that fails: the page says why, and what to do.
async function pressed(it, { press, says }) {
	await it.click(`.mape-page button:text-is("${press}")`);

	const note = await it.waitForSelector(`.mape-problem:has-text("${says}")`, { timeout: 20000 }).catch(() => null);

	return note ? null : `"${press}" fails without a reason`;
}

async function run({ browser, site, results, options }) {
	const it = await page(browser, site);

	for (const [ name, state ] of Object.entries(worlds.states())) {
		const wrong = [];

		const answers = worlds.make(options.program, name, state.change);

		site.answers(answers);
		site.interfaces(state.none ? {} : { wan: {} });

		await it.goto(site.base + '/cgi-bin/luci/' + PAGES.status);
		await settled(it);

		const shownProblems = await problems(it);

		if (state.problem && !shownProblems.length)
			wrong.push('the status page shows no problem');
		if (state.fine && shownProblems.length)
			wrong.push(`the status page shows a problem where there is none: ${shownProblems[0].sentence}`);
		wrong.push(...unclear(shownProblems));

		// The reason itself, and not just that there is one.
		const shown = await it.$eval('.mape-page', node => node.textContent);
		const lines = JSON.parse(answers.status.out).interfaces.filter(({ interface: of }) => of === 'wan' && !state.none);

		// A word, a sign and a tone, and an error waits for nothing.
		for (const { state: of, error, warning } of lines) {
			const badge = await it.$eval('[data-interface="wan"] .mape-badge', node => ({ tone: node.dataset.tone, words: node.textContent })).catch(() => null);
			const expected = error || of === 'shut' ? 'bad' : of === 'pending' ? 'busy' : of === 'down' ? 'off' : warning ? 'warn' : 'ok';

			if (badge?.tone !== expected || badge.words.length < 5)
				wrong.push(`the badge is ${JSON.stringify(badge)} and not ${expected}`);
		}

		// A button is there for what there is.
		for (const label of [ 'Copy port list', 'List ports in use' ])
			if (await it.locator(`.mape-page button:text-is("${label}")`).isVisible() !== lines.some(({ line }) => line !== null))
				wrong.push(`"${label}" is ${lines.some(({ line }) => line !== null) ? 'not ' : ''}there`);

		for (const reason of lines.flatMap(({ error, warning }) => [ error, warning ]))
			for (const words of [ reason?.message, reason?.hint ])
				if (words && !shown.includes(words))
					wrong.push(`the page does not show "${words}"`);
		if (state.unknown && (await it.$$('.mape-page .mape-unknown')).length < 3)
			wrong.push('what is unknown is not called so');
		if (state.unknown && (await it.$$eval('.mape-page .mape-cell-count', nodes => nodes.filter(node => !/^\?/.test(node.textContent)).length)))
			wrong.push('a block of which nothing is known shows a number');

		if (state.press)
			wrong.push(await pressed(it, state));

		await it.goto(site.base + '/cgi-bin/luci/' + PAGES.doctor);
		await settled(it);

		const checks = await it.$$eval('.mape-check', nodes => nodes.map(node => ({
			name: node.dataset.check, fine: node.dataset.fine === 'yes', lines: [ ...node.querySelectorAll('p') ].map(line => line.textContent)
		})));

		for (const expected of [ state.check, state.plus ].filter(Boolean))
			if (!checks.some(check => check.name === expected && !check.fine))
				wrong.push(`the diagnosis does not tell that ${expected} is wrong`);
		if (state.action && !checks.some(check => check.name === state.check && state.action.test(check.lines.join(' '))))
			wrong.push(`the diagnosis does not say what to do: ${state.action}`);
		for (const check of checks)
			if (!check.fine && check.lines.length < 3)
				wrong.push(`${check.name} is wrong and says nothing to do`);
		if (state.press)
			wrong.push(await pressed(it, state));
		if (!checks.length)
			wrong.push('the diagnosis shows no check');

		// Without an interface the page says what kind of line this is.
		if (state.line) {
			site.interfaces({});
			await it.goto(site.base + '/cgi-bin/luci/' + PAGES.status);
			await settled(it);

			const line = await problems(it);

			wrong.push(!line.length && 'the kind of line is not shown', ...unclear(line));
		}

		results.check(`${name}: one sentence and one action on each page`, [ ...wrong, ...seen(it) ]);
		it.seen.errors.length = 0;
	}

	// netifd does not hear of it.
	const wrong = [];

	site.interfaces({ wan: { disabled: '1' } });
	site.answers(worlds.make(options.program, 'disabled', worlds.states()['no-interface'].change));
	for (const place of Object.values(PAGES)) {
		await it.goto(`${site.base}/cgi-bin/luci/${place}`);
		await settled(it);
		if (place === PAGES.status && !/This interface is disabled/.test(await it.$eval('.mape-page [data-interface="wan"]', node => node.textContent)))
			wrong.push('the status page does not say that it is disabled');
	}
	results.check('an interface that is disabled is called so, and is no problem', [ ...wrong, ...seen(it) ]);

	// What comes of a connection test stands beside its button, in sight.
	if (!site.real) {
		const phone = await page(browser, site, { width: 390, height: 844 });
		const failed = [];

		site.interfaces({ wan: {} });
		site.answers(worlds.make(options.program, 'probe', () => {}));
		await phone.goto(`${site.base}/cgi-bin/luci/${PAGES.doctor}`);
		await settled(phone);
		await phone.click('.mape-page button:text-is("Test")');

		const result = await phone.waitForSelector('.mape-result .mape-badge[data-tone="bad"]', { timeout: 10000 }).catch(() => null);
		const box = await result?.boundingBox();

		failed.push(!result && 'no result', box && (box.y < 0 || box.y > 844) && 'the result is out of sight',
			!/No TCP connection to 127\.0\.0\.1:1/.test(await phone.textContent('.mape-result').catch(() => '')) && 'the reason is missing');
		results.check('a connection test shows its result beside its button', [ ...failed, ...seen(phone) ]);
		await phone.context().close();
	}

	// Two presses from a line that is known to a section that has what was shown, and no more.
	if (!site.real) {
		const list = worlds.states();
		const made = [];

		site.interfaces({});
		site.answers(worlds.make(options.program, 'first', list['no-interface'].change));
		await it.goto(`${site.base}/cgi-bin/luci/${PAGES.status}`);
		await settled(it);
		await it.click('.mape-page button:text-is("Set up MAP-E")');
		made.push(!(/config interface 'wan4'\s+option proto 'mape'/).test(await it.textContent('.modal')) && 'it does not show what it writes');
		await it.click('.modal button:text-is("Write and apply")');
		await it.waitForTimeout(1500);
		made.push(JSON.stringify(site.sections) !== '{"wan4":{"proto":"mape"}}' && JSON.stringify(site.sections));
		site.interfaces({});
		site.answers(worlds.make(options.program, 'other', list['ds-lite'].change));
		await it.goto(`${site.base}/cgi-bin/luci/${PAGES.status}`);
		await settled(it);
		made.push(await it.isVisible('.mape-page button:text-is("Set up MAP-E")') && 'a DS-Lite line is set up as MAP-E');
		results.check('a known line is set up by two presses', [ ...made, ...seen(it) ]);
	}

	// What the form says of the line; on the real LuCI it is a dialogue of its own.
	if (!site.real) {
		const unclear = [];
		const recorded = name => fs.readFileSync(path.join(__dirname, `../../../vectors/luci/${name}.json`), 'utf8');

		for (const [ name, section, says ] of [
			[ 'provisioned', {}, 'set Provisioning in the advanced settings' ],
			[ 'provisioned', { provisioning: 'hb46pp' }, 'nothing has to be changed' ],
			[ 'provisioned', { provisioning: 'off' }, 'set Provisioning in the advanced settings' ],
			[ 'dhcpv6', {}, 'uses that by itself' ],
			[ 'nobodys', {}, 'Connection type not recognised' ],
			[ 'table', {}, '106.72.50.97' ],
			[ 'table', { provider: 'ocn' }, 'This line belongs to v6 Plus, but the provider is set to OCN Virtual Connect' ]
		]) {
			site.answers({ detect: { out: JSON.stringify(JSON.parse(recorded(name)).line) } });
			site.interfaces({ wan: section });
			await it.goto(`${site.base}/cgi-bin/luci/admin/network/network`);
			if (!await it.waitForSelector(`.mape-answer:has-text("${says}")`, { timeout: 10000 }).catch(() => null))
				unclear.push(`${name}, ${JSON.stringify(section)}: "${says}" is not said`);
		}
		results.check('the form says who states the rule, and whose choice stands in the way', [ ...unclear, ...seen(it) ]);
	}

	// Until netifd has read the protocol handler it does not know our interfaces: the page
	// shows one box and no other problem.
	if (!site.real) {
		const unclear = [];

		site.interfaces({ wan: {} });
		site.unloaded = true;
		for (const place of [ PAGES.status, PAGES.doctor ]) {
			await it.goto(`${site.base}/cgi-bin/luci/${place}`);
			await settled(it);

			const shownProblems = await problems(it);

			if (shownProblems.length !== 1 || !/restart the network service/.test(shownProblems[0].sentence) || (await it.$$('.mape-check')).length)
				unclear.push(`${place}: ${shownProblems.map(({ sentence }) => sentence).join(' | ')}`);
		}
		site.unloaded = false;
		results.check('a protocol that is not loaded is reported by one box on each page', [ ...unclear, ...seen(it) ]);
	}

	await it.context().close();
}

module.exports = { run, settled, PAGES };
