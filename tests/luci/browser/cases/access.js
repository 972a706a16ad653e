'use strict';

// Access rights: without a session nothing is served, a read-only user changes nothing, and a user
// without rights to the package sees none of it.

const { page, seen } = require('../browser.js');
const { settled, PAGES } = require('./states.js');
const worlds = require('../worlds.js');

const READ = { status: {}, history: {}, ports: {}, forwards: {}, port_set: {}, doctor: {}, report: {}, plan: { prefix: '240b:10:3261:6400::/56' }, detect: {} };
const WRITE = { try_forward: { host: '192.168.1.2', dest_port: '80' }, ask: {}, probe: { target: '192.0.2.1:9' }, load_rules: {}, retry: { interface: 'wan' }, restart_network: {} };
const NO_SESSION = '00000000000000000000000000000000';

// The ubus status of a call over HTTP; -32002 is LuCI's "access denied".
async function call(site, session, method, args) {
	const answer = await fetch(`${site.base}/ubus/`, {
		method: 'POST',
		body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'call', params: [ session, 'luci.mape', method, args ] })
	});
	const body = await answer.json();

	return body.error ? body.error.code : body.result[0];
}

async function run({ browser, site, results, options }) {
	const DENIED = -32002;

	site.interfaces({ wan: {} });
	site.answers(worlds.make(options.program, 'up', () => {}));

	const sessions = { none: NO_SESSION };

	for (const user of [ 'root', 'viewer', 'stranger' ])
		sessions[user] = (await site.login(user)).value;

	for (const [ user, rights ] of Object.entries({ none: [], stranger: [], viewer: [ READ ], root: [ READ ] })) {
		const wrong = [];

		for (const methods of [ READ, WRITE ])
			for (const [ method, args ] of Object.entries(methods)) {
				// The router is not restarted here: cases/flow.js shows that root
				// may do it.
				if (user === 'root' && methods === WRITE)
					continue;

				const status = await call(site, sessions[user], method, args);

				if (rights.includes(methods) ? status !== 0 : status !== DENIED)
					wrong.push(`${method}: ${status}`);
			}

		results.check(`${user}: ${rights.length ? 'may look and change nothing' : 'gets nothing'}`, wrong);
	}

	results.check('the package names no wildcard and no program in its rights', await (async () => {
		const rights = JSON.stringify(require('../../../../luci-app-mape/root/usr/share/rpcd/acl.d/luci-app-mape.json'));

		return /[*]|"file"|"exec"/.test(rights) ? [ rights ] : [];
	})());

	const viewer = await page(browser, site, { user: 'viewer' });
	const wrong = [];

	for (const place of Object.values(PAGES)) {
		await viewer.goto(`${site.base}/cgi-bin/luci/${place}`);
		await settled(viewer);
		// The forms of that page have none at all.
		if (!/forward/.test(place) && !(await viewer.$$('.mape-page button[disabled]')).length)
			wrong.push(`${place}: no button is disabled`);
		if (/forward/.test(place) ? !(await viewer.$$('.mape-page table, .mape-page .table')).length
			: /doctor/.test(place) ? !(await viewer.$$('.mape-check')).length : !(await viewer.$$('.mape-cell')).length)
			wrong.push(`${place}: nothing is shown`);
	}
	results.check('without the permission to write the pages work, and say so', [ ...wrong, ...seen(viewer) ]);

	// There the form is a page; LuCI's own dialogue is its own affair.
	if (!site.real) {
		await viewer.goto(`${site.base}/cgi-bin/luci/admin/network/network`);
		await viewer.waitForFunction(() => /106\.72/.test(document.querySelector('.mape-answer')?.innerText ?? ''), null, { timeout: 20000 });
		await viewer.click('button:text-is("Query the provider and home gateway")');
		await viewer.waitForSelector('.mape-answer .mape-problem', { timeout: 20000 });

		const text = await viewer.$eval('.mape-answer', node => node.innerText);

		results.check('what the form may not ask is refused in words that say why', (!/Access denied/.test(text) || / at /.test(text)) && text);
	}
	await viewer.context().close();

	const outsiders = [];

	for (const user of [ null, 'stranger' ]) {
		const it = await page(browser, site, { user });

		for (const place of Object.values(PAGES)) {
			// Some LuCIs answer 403 without a page.
			await it.goto(`${site.base}/cgi-bin/luci/${place}`).catch(() => null);
			await it.waitForTimeout(500);

			const text = await it.evaluate(() => document.body.innerText);

			if (/106\.72|240b:10|PSID/.test(text) || (await it.$$('.mape-page')).length)
				outsiders.push(`${user ?? 'no session'} sees ${place}`);
		}
		await it.context().close();
	}
	results.check('without a session or a right to the package no page shows anything', outsiders);
}

module.exports = { run, call };
