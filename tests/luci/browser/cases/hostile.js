'use strict';

// The content of options, leases, host names and answers is shown as text and never as markup.

const { page, seen, POLICY } = require('../browser.js');
const { settled, PAGES } = require('./states.js');
const payloads = require('../payloads.js');
const worlds = require('../worlds.js');

// Every text of an answer becomes the payload, but for keys and what code compares.
function poison(value, payload, key = '') {
	if (Array.isArray(value))
		return value.map(it => poison(it, payload, key));
	if (value !== null && typeof value === 'object')
		return Object.fromEntries(Object.entries(value).map(([ name, it ]) => [ name, poison(it, payload, name) ]));
	if (typeof value !== 'string' || [ 'interface' ].includes(key))
		return value;

	return payload;
}

function poisoned(answers, payload, keep) {
	const { try: asked, ...answered } = answers;
	const changed = { try: asked };

	for (const [ command, { out, status } ] of Object.entries(answered)) {
		if (command.endsWith('.masked')) {
			changed[command] = { out: `${payload}\n`, status };
			continue;
		}

		const whole = JSON.parse(out);
		const json = poison(whole, payload);

		// Else nothing but "unknown" would be drawn.
		if (keep) {
			(json.interfaces ?? []).forEach((it, at) => {
				it.state = whole.interfaces[at].state;
			});
			(json.checks ?? []).forEach((check, at) => {
				check.check = whole.checks[at].check;
			});
			if (json.line)
				json.line = whole.line;
		}
		for (const it of json.interfaces ?? [])
			if (it.ports?.hosts)
				it.ports.hosts = [ { address: payload, connections: 3 }, { address: '192.168.1.50', connections: payload } ];
			else if (it.ports?.blocks)
				it.ports.hosts = [ { address: payload, connections: 3 }, { address: '192.168.1.50', connections: 2 } ];
		changed[command] = { out: JSON.stringify(json), status };
	}

	return changed;
}

function alive(it) {
	return it.evaluate(() => [ ...document.querySelectorAll('.mape-alive, [onerror], [onload], [onfocus], [ontoggle], a[href^="javascript:"], iframe, link[href*="192.0.2"], style') ]
		.filter(node => node.tagName !== 'STYLE' || /192\.0\.2/.test(node.textContent)).map(node => node.outerHTML.slice(0, 80)));
}

async function run({ browser, site, results, options }) {
	const answers = worlds.make(options.program, 'hostile', world => {
		world.line.data.warning = { code: 'MAPE_OPTION_INVALID', message: 'm', hint: 'h' };
		world.firewall = 'config zone\n option name wan\n list network wan\n';
	});
	const failed = worlds.make(options.program, 'hostile', world => world.fails('MAPE_SYSTEM_REFUSED', [ 'm', 'h' ]));
	const it = await page(browser, site, { policy: POLICY });

	for (const [ number, payload ] of payloads.entries()) {
		const wrong = [];
		const visit = async place => {
			await it.goto(`${site.base}/cgi-bin/luci/${place}`);
			if (place.includes('mape'))
				await settled(it);
			else if (site.real)
				await it.waitForTimeout(1500);
			else
				await it.waitForSelector('#view > *', { state: 'attached' });
			wrong.push(...(await alive(it)).map(html => `${place}: ${html}`));
		};
		const text = () => it.evaluate(() => [ document.querySelector('.mape-page')?.textContent,
			...[ ...document.querySelectorAll('.mape-page [title]') ].map(node => node.title) ].join(' '));
		const words = payload.slice(0, 30);

		site.interfaces({ wan: { provider: payload, rule: payload, reserved_ports: payload, tunlink: payload, mtu: payload } });
		site.leases(`1795400000 02:00:00:00:00:01 192.168.1.50 ${payload.replaceAll(' ', '_')} *\n`);
		// A page in an error state shows fewer values. On the stand-in, which every test
		// runs, a third of the payloads test them.
		for (const keep of site.real || number % 3 === 0 ? [ true, false ] : [ true ]) {
			site.answers(poisoned(keep ? answers : failed, payload, keep));
			await visit(PAGES.status);
			if (!(await text()).includes(words))
				wrong.push(`status does not show it as text (${keep})`);
			if (keep && (await it.$('.mape-device'))) {
				await it.$eval('.mape-device', node => node.click());
				await it.waitForSelector('.mape-device[aria-pressed="true"]', { timeout: 5000 }).catch(() => wrong.push('no device is chosen'));
				wrong.push(...(await alive(it)).map(html => `device: ${html}`));
			}
			if (keep && (await it.$('.mape-cell'))) {
				await it.click('.mape-cell');
				await it.waitForSelector('#modal_overlay h4, .modal h4', { timeout: 5000 }).catch(() => wrong.push('no ports are shown on click'));
				wrong.push(...(await alive(it)).map(html => `ports: ${html}`));
			}
			await visit(PAGES.doctor);
			if (!(await text()).includes(words))
				wrong.push(`the diagnosis does not show it as text (${keep})`);
		}
		// The others cost more time, and show a few of the same fields.
		if (number % 4 === 0) {
			site.answers(poisoned(answers, payload, true));
			await visit('admin/status/overview');
			await visit('admin/network/network');
		}
		site.interfaces({});
		await visit(PAGES.status);

		results.check(`payload ${number}, ${JSON.stringify(payload.slice(0, 40))}: is text`, [ ...new Set(wrong), ...seen(it) ]);
		for (const list of Object.values(it.seen))
			list.length = 0;
	}

	site.leases('');
	await it.context().close();
}

module.exports = { run };
