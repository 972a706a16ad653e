'use strict';

// The way of a household that has never seen the pages: from a package that was just installed to a
// line that is online, and a port that is open for a game. Nothing is typed but the game's port.
// Each press must be in sight without scrolling, in English and Japanese, on a desktop and on a
// phone.

const { page, seen, english } = require('../browser.js');
const { settled, PAGES } = require('./states.js');
const { withForwards } = require('./forward.js');
const worlds = require('../worlds.js');

// A device of the LAN, by the name under which the page offers it. In the machine it is the host
// lan1, where something listens on the game's port.
const DEVICE = { name: 'ps5', address: '192.168.1.11' };
const GAME = '25565';

// Names of interfaces in the recorded answers.
const RECORDED = 'wan';
const MADE = 'wan4';

// Presses of the whole way, on the real LuCI one more: its list of devices has to be opened.
const PRESSES = 7;

// The answers of a line, for the interface that the page has made. The recorded rules lack its
// forwards, so what the diagnosis finds is that of a line without any.
function named(answers, { doctor } = answers) {
	const renamed = { ...answers, doctor };

	for (const command of [ 'status', 'status.history', 'ports', 'ports.ranges' ]) {
		const answer = JSON.parse(answers[command].out);

		for (const it of (answer.interfaces ?? []).filter(({ interface: of }) => of === RECORDED))
			it.interface = MADE;
		renamed[command] = { ...answers[command], out: JSON.stringify(answer) };
	}

	return renamed;
}

// What the router of the stand-in does: it connects after the set-up, and opens what is applied.
function follows({ site, options }, name) {
	const { states, make } = worlds;

	site.answers(make(options.program, `walk-${name}`, states()['no-interface'].change));
	site.unloaded = true;
	site.follow(() => named(make(options.program, 'connects', states().pending.change)));
}

class Walk {
	constructor(it, name, { options, site }) {
		// In the machine everything takes longer.
		Object.assign(this, { it, name, presses: [], wrong: [], pictures: options.pictures, shots: 0, timeout: site.machine ? 120000 : 30000 });
	}

	// Presses what a newcomer sees. `selector` is the same in each language.
	async press(what, selector) {
		const node = this.it.locator(selector).first();

		await node.waitFor({ timeout: this.timeout });

		const hidden = await node.evaluate(button => {
			const { top, bottom, left, right } = button.getBoundingClientRect();

			return top < 0 || left < 0 || bottom > window.innerHeight || right > window.innerWidth;
		});

		if (hidden)
			this.wrong.push(`${what} is out of sight`);
		await node.click({ timeout: this.timeout });
		this.presses.push(what);
	}

	async sees(what, selector, words = '', timeout = this.timeout) {
		const shown = await this.it.waitForFunction(([ wanted, text ]) => [ ...document.querySelectorAll(wanted) ].some(node => node.textContent.includes(text)),
			[ selector, words ], { timeout }).catch(() => null);

		if (!shown)
			this.wrong.push(`the page does not show ${what}`);
		await this.picture();
	}

	async picture() {
		if (this.pictures)
			await this.it.screenshot({ path: `${this.pictures}/walk-${this.name}-${++this.shots}.png` });
	}
}

// Waits until it holds.
async function until(walk, what, holds) {
	for (const end = Date.now() + walk.timeout; Date.now() < end; await new Promise(resolve => {
		setTimeout(resolve, 500);
	}))
		if (holds())
			return;

	throw new Error(what);
}

// netifd hears of what was applied: by procd in the machine, which does not run elsewhere.
async function applied({ site }, walk, holds) {
	if (site.machine)
		return;

	await until(walk, 'nothing was applied', holds);
	site.router('ubus', 'call', 'network', 'reload');
}

// A router without anything of an earlier walk. Where a package was just installed, the network
// service does not know the protocol until it is restarted.
async function reset(suite, walk) {
	const { site } = suite;

	site.interfaces({});
	site.forwards({});
	if (!site.real)
		return follows(suite, walk.name);

	site.answers(null);
	site.router('ubus', 'call', 'network', 'reload');
	if (site.machine) {
		site.router('/etc/init.d/firewall', 'reload');
		await until(walk, `${MADE} stays`, () => site.router('ubus', 'list', `network.interface.${MADE}`).status !== 0);
	}
}

async function online(suite, walk) {
	const { site, options } = suite;

	await walk.it.goto(`${site.base}/cgi-bin/luci/${PAGES.status}`);
	await settled(walk.it);
	await walk.sees('the line that was found', '.mape-badge[data-tone="ok"]');
	await walk.press('Set up MAP-E', '.mape-page .cbi-button-action.important');
	await walk.sees('what is written', '.modal pre', MADE);
	await walk.press('Write and apply', '.modal .cbi-button-action.important');
	if (site.real)
		await applied(suite, walk, () => site.get(`network.${MADE}.proto`) === 'mape');
	else
		await walk.sees('that it connects', `[data-interface="${MADE}"] .mape-badge[data-tone="busy"]`);

	const without = withForwards(options, {});

	site.follow(sections => named(withForwards(options, sections), without));
	if (!site.real)
		site.answers(named(without));
	await walk.sees('that the line is online', `[data-interface="${MADE}"] .mape-badge[data-tone="ok"]`);
}

async function opened(suite, walk) {
	const { site } = suite;
	const { it } = walk;

	await walk.press('Open a port (link)', `[data-interface="${MADE}"] a[href$="${PAGES.forward}"]`);
	await settled(it);
	await walk.press('Open a port', '.mape-page .cbi-button-add');
	await it.waitForSelector('.modal [data-name="src_dport"]');
	walk.wrong.push(...(await it.$$eval('.modal .cbi-input-invalid', nodes => nodes.map(() => 'a field is red before anything was typed'))));
	walk.wrong.push(await it.locator('.modal [data-name="proto"] select').inputValue() !== 'tcp' && 'another protocol than TCP opens too');
	await walk.picture();
	walk.hasList = !!await it.$('.modal [data-name="dest_ip"] .cbi-dropdown');
	if (walk.hasList)
		await walk.press('the list of devices', '.modal [data-name="dest_ip"] .cbi-dropdown');

	const device = `.modal [data-name="dest_ip"] li[data-value="${DEVICE.address}"]:visible`;

	await it.waitForSelector(device, { timeout: walk.timeout });
	walk.wrong.push(!(await it.locator(device).first().textContent()).includes(DEVICE.name) && 'the device is not offered by its name');
	await walk.press(DEVICE.name, device);
	await it.locator('.modal [data-name="dest_port"] input').pressSequentially(GAME);
	await it.locator('.modal [data-name="dest_port"] input').press('Tab');
	await walk.sees('the port that it will get', '.modal [role="alert"] span');
	await walk.press('Save', '.modal .cbi-button-save, .modal .cbi-button-positive');
	await it.waitForFunction(() => !document.body.classList.contains('modal-overlay-active'), null, { timeout: walk.timeout });
	await walk.picture();
	walk.wrong.push(...(await it.$$eval('.mape-page .td[data-name="proto"]', nodes => nodes.map(node => node.textContent.trim()))).map(words => words !== 'TCP' && `what is saved has the protocol ${words}`));
	await walk.press('Open it now', '.mape-page .mape-problem .cbi-button-action.important');
	if (site.real)
		await applied(suite, walk, () => /mape_[a-z0-9]+=mape_forward/.test(site.router('uci', 'show', 'firewall').stdout));
	await walk.sees('that the port is open, and where', '.mape-forward:has(.mape-badge[data-tone="ok"])', '106.72.50.97:');
}

// Whether it works, as the page says.
async function verified({ site }, walk) {
	const { it } = walk;

	await it.goto(`${site.base}/cgi-bin/luci/${PAGES.doctor}`);
	await settled(it);
	await walk.sees('that nothing is wrong', '.mape-verdict .mape-badge[data-tone="ok"]');
}

async function run(suite) {
	const { browser, site, results } = suite;

	if (site.real && (!site.hasNetifd || !site.hasTunnels))
		return results.note('walk', 'not run: the root has no netifd, or this kernel no ip6_tunnel');

	site.leases(`1795400000 02:00:00:00:00:01 ${DEVICE.address} ${DEVICE.name} *\n`);
	for (const [ language, width, height ] of [ [ 'en', 1280, 900 ], [ 'ja', 1280, 900 ], [ 'en', 390, 844 ], [ 'ja', 390, 844 ] ]) {
		const it = await page(browser, site, { width, height });
		const walk = new Walk(it, `${language}-${width}`, suite);

		site.language(language);
		await reset(suite, walk);
		await online(suite, walk);
		if (language !== 'en')
			walk.wrong.push(...(await english(it, '.mape-page')).map(words => `English: ${words}`));
		await opened(suite, walk);
		if (language !== 'en')
			walk.wrong.push(...(await english(it, '.mape-page')).map(words => `English: ${words}`));
		if (site.machine)
			walk.wrong.push(!site.reaches(await it.locator('.mape-where').first().textContent()) && 'nothing answers there from outside');
		if (!site.real || site.machine)
			await verified(suite, walk);

		const most = walk.hasList ? PRESSES + 1 : PRESSES;

		walk.wrong.push(walk.presses.length > most && `${walk.presses.length} presses, and not ${most}`);
		results.check(`${language}, ${width} pixels: from the package to a port for a game`, [ ...walk.wrong, ...seen(it) ]);
		results.note(`presses, ${language}, ${width}`, `${walk.presses.length}: ${walk.presses.join(', ')}`);
		await it.context().close();
	}

	site.follow(null);
	site.unloaded = false;
	site.language('en');
	site.forwards({});
	site.interfaces({});
	site.leases('');
}

module.exports = { run };
