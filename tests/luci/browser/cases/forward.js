'use strict';

// "Open a port": how each forward stands, what may be typed, and who may change it.

const { page, seen, overflow, POLICY } = require('../browser.js');
const { settled, PAGES } = require('./states.js');
const payloads = require('../payloads.js');
const worlds = require('../worlds.js');

const SECTIONS = {
	game: { name: 'game', dest_ip: '192.168.1.10', dest_port: '25565' },
	nas: { dest_host: 'nas', dest_port: '443', src_dport: '5700', proto: 'tcp' },
	outside: { dest_ip: '192.168.1.11', dest_port: '443', src_dport: '443' },
	off: { dest_ip: '192.168.1.12', dest_port: '80', enabled: '0' }
};

function withForwards(options, sections, change) {
	return worlds.make(options.program, 'forwards', world => {
		world.firewall += worlds.written(sections);
		change?.(world);
	});
}

function rows(it) {
	return it.$$eval('.mape-forward', nodes => Object.fromEntries(nodes.map(node => [ node.dataset.forward, node.textContent ])));
}

// What LuCI shows of a field as wrong, or null.
function wrongField(it, name) {
	return it.$eval(`.modal [data-name="${name}"]`, node => node.querySelector('.cbi-input-invalid')
		? node.querySelector('[data-tooltip]')?.dataset.tooltip ?? 'wrong' : null);
}

// Types into a field, which LuCI draws as a list with a place to type in.
async function type(it, name, text) {
	const field = `.modal [data-name="${name}"]`;
	const list = await it.$(`${field} .cbi-dropdown`);

	if (list) {
		const input = it.locator(`${field} ul:not(.preview) .create-item-input`);

		// It stays open with what is wrong.
		if (!(await input.isVisible()))
			await list.click();
		await input.fill('');
		// LuCI judges with each key.
		await input.pressSequentially(text);
		await input.press('Enter');
	}
	else {
		await it.fill(`${field} input`, text);
		await it.press(`${field} input`, 'Tab');
	}
	await it.waitForTimeout(300);
}

async function open(it, site) {
	await it.goto(`${site.base}/cgi-bin/luci/${PAGES.forward}`);
	await settled(it);
}

async function shown({ site, results, options }, it) {
	site.interfaces({ wan: {} });
	site.forwards({ ...SECTIONS, fresh: { dest_ip: '192.168.1.13', dest_port: '22' } });
	site.answers(withForwards(options, SECTIONS));
	await open(it, site);

	const text = await rows(it);
	const expected = {
		game: /^✔ open 106\.72\.50\.97:\d+Others connect/,
		nas: /^… waiting for the device 106\.72\.50\.97:5700.*The address of nas is not known/,
		outside: /^✘ cannot be opened.*Port 443 is not in your port set.*Free ports nearby: 5697, 5698, 5699/,
		off: /^– disabled$/,
		fresh: /^… not applied yet$/
	};

	results.check('each forward stands as the program says', [
		...Object.entries(expected).filter(([ name, words ]) => !words.test(text[name] ?? '')).map(([ name ]) => `${name}: ${text[name]}`),
		!(await it.$(`a[href$="${PAGES.doctor}"]`)) && 'no way to the diagnosis', ...seen(it)
	]);

	// The same after the line has moved.
	const moved = withForwards(options, SECTIONS);
	const answer = JSON.parse(moved.forward.out);

	answer.forwards[0].before = '192.0.2.1:4096';
	site.answers({ ...moved, forward: { ...moved.forward, out: JSON.stringify(answer) } });
	await open(it, site);
	results.check('a port that has moved says from where', !/was 192\.0\.2\.1:4096/.test((await rows(it)).game) && 'it does not');
}

// What is said below the field of the external port, when the program has answered.
async function verdict(it, words) {
	const found = await it.waitForFunction(source => new RegExp(source).test(document.querySelector('.modal [role="alert"]')?.textContent ?? ''), words.source, { timeout: 10000 })
		.catch(() => null);

	return found ? null : it.$eval('.modal [role="alert"]', node => node.textContent);
}

// On a phone the reason and the free ports can be read, and one is taken by a press.
async function onPhone({ site, results, options, browser }) {
	const it = await page(browser, site, { width: 390 });

	await open(it, site);
	await it.click('.mape-page .cbi-button-add');
	await it.waitForSelector('.modal [data-name="src_dport"]');
	for (const [ name, text ] of [ [ 'dest_ip', '192.168.1.20' ], [ 'dest_port', '8080' ], [ 'src_dport', '443' ] ])
		await type(it, name, text);

	const wrong = [ await verdict(it, /not in your port set.*5697, 5698, 5699/) ];
	const outside = () => it.$eval('.modal [role="alert"]', node => {
		const { left, right } = node.getBoundingClientRect();

		return left < 0 || right > document.documentElement.clientWidth || node.scrollWidth > node.clientWidth + 1;
	});

	if (await outside())
		wrong.push('the reason sticks out');
	if (options.pictures)
		await it.screenshot({ path: require('path').join(options.pictures, 'forward-refused-phone.png') });
	await it.click('.modal [role="alert"] button:text-is("5698")');
	wrong.push(await verdict(it, /External port: 5698/), await wrongField(it, 'src_dport'));
	results.check('on a phone a refusal can be read, and a free port is one press away', [ ...wrong, ...seen(it) ]);
	await it.context().close();
}

// The program's answer comes after the dialogue was saved and closed.
async function closed({ browser, site, results, options }) {
	const it = await page(browser, site);

	site.forwards({});
	site.answers(withForwards(options, {}));
	await open(it, site);
	await it.route('**/ubus/**', async route => {
		if ((route.request().postData() ?? '').includes('try_forward'))
			await it.waitForTimeout(3000);
		await route.continue();
	});
	await it.click('.mape-page .cbi-button-add');
	await it.waitForSelector('.modal [data-name="src_dport"]');

	const asked = it.waitForRequest(request => (request.postData() ?? '').includes('try_forward'), { timeout: 20000 });
	const answered = it.waitForResponse(answer => (answer.request().postData() ?? '').includes('try_forward'), { timeout: 30000 });

	for (const [ name, text ] of [ [ 'dest_ip', '192.168.1.20' ], [ 'dest_port', '8080' ] ])
		await type(it, name, text);
	await asked;

	await it.click('.modal .cbi-button-save, .modal .cbi-button-positive');
	await it.waitForFunction(() => !document.body.classList.contains('modal-overlay-active'), null, { timeout: 10000 });
	// LuCI forgets the fields with the next dialogue, such as that of Save & Apply.
	if (site.real)
		await it.evaluate(() => window.L.require('ui').then(ui => ui.showModal('next', [])));
	await answered;
	await it.waitForTimeout(500);
	results.check('an answer that comes after the dialogue was closed is no error', seen(it));
	await it.context().close();
	site.forwards(SECTIONS);
}

async function typed({ site, results, options }, it) {
	site.forwards(SECTIONS);
	site.answers(withForwards(options, SECTIONS));
	await open(it, site);
	await it.click('.mape-page .cbi-button-add');
	await it.waitForSelector('.modal [data-name="src_dport"]');

	const wrong = [];

	for (const [ name, text, words, answer ] of [
		[ 'dest_ip', '192.168.1.300', /an address such as/ ],
		[ 'dest_ip', '192.168.1.20', null ],
		[ 'dest_port', '8080', null ],
		[ 'src_dport', '443', /below/, /Port 443 is not in your port set.*5697, 5698, 5699/ ],
		[ 'src_dport', '5700', /below/, /Port 5700 is already that of the forward nas.*5699, 5701, 5698/ ],
		[ 'src_dport', 'x', /below/, /src_dport/ ],
		[ 'src_dport', '5701', null, /External port: 5701/ ]
	]) {
		await type(it, name, text);
		if (answer)
			wrong.push(await verdict(it, answer));

		const said = await wrongField(it, name);

		if (words ? !words.test(said ?? '') : said !== null)
			wrong.push(`${name} ${text}: ${said}`);
	}
	results.check('while typing the program is asked, and names the nearest free ports', [ ...wrong, ...seen(it) ]);

	await it.click('.modal .cbi-button-save, .modal .cbi-button-positive');
	await it.waitForFunction(() => !document.body.classList.contains('modal-overlay-active'), null, { timeout: 10000 });
	await it.waitForFunction(() => [ ...document.querySelectorAll('.mape-forward') ].some(node => /^mape_/.test(node.dataset.forward)), null, { timeout: 10000 })
		.catch(() => null);

	const added = Object.entries(await rows(it)).filter(([ name ]) => /^mape_[a-z0-9]+$/.test(name));

	results.check('a new forward has a name that stays, and waits for Save & Apply', [
		added.length !== 1 && `${added.length} are there`, added.length === 1 && !/not applied yet/.test(added[0][1]) && added[0][1], ...seen(it)
	]);
}

async function without({ site, results, options, browser }, it) {
	site.interfaces({});
	site.forwards(SECTIONS);
	site.answers(worlds.make(options.program, 'none', world => {
		world.line.proto = 'static';
		world.remove('state/wan.json');
		world.firewall += worlds.written(SECTIONS);
	}));
	await open(it, site);
	results.check('without a MAP-E interface the page says so', [
		!(await it.$$eval('.mape-problem', nodes => nodes.map(node => node.textContent))).some(text => /No MAP-E interface/.test(text)) && 'it does not',
		!/waiting/.test((await rows(it)).game) && 'a forward does not wait', ...seen(it)
	]);

	site.interfaces({ wan: {} });
	site.answers(withForwards(options, SECTIONS));

	const viewer = await page(browser, site, { user: 'viewer' });

	await open(viewer, site);
	results.check('who may only look sees the list and no button to change it', [
		Object.keys(await rows(viewer)).length !== 4 && 'the list is not there',
		...(await viewer.$$eval('.mape-page button:not([disabled]), .mape-page input:not([disabled]):not([type="hidden"])', nodes => nodes.map(node => node.outerHTML.slice(0, 90)))),
		...seen(viewer)
	]);
	await viewer.context().close();

	const phone = await page(browser, site, { width: 390 });

	await open(phone, site);
	results.check('on a phone nothing sticks out', [ ...(await overflow(phone, '.mape-page')), ...seen(phone) ]);
	if (options.pictures)
		await phone.screenshot({ path: require('path').join(options.pictures, 'forward-phone.png'), fullPage: true });
	await phone.context().close();
}

async function hostile({ site, results, options, browser }) {
	const it = await page(browser, site, { policy: POLICY });
	const answers = withForwards(options, SECTIONS);
	const wrong = [];

	for (const payload of payloads) {
		const answer = JSON.parse(answers.forward.out);

		for (const forward of answer.forwards)
			for (const key of [ 'name', 'host', 'dest_ip', 'wanted', 'ipv4', 'before', 'reason', 'hint' ])
				forward[key] = payload;
		answer.forwards[2].nearest = [ payload ];
		answer.forwards[1].state = payload;
		site.answers({ ...answers, forward: { out: JSON.stringify(answer), status: 1 } });
		site.forwards({ ...SECTIONS, game: { name: payload, dest_ip: payload, dest_port: payload, src_dport: payload, proto: payload } });
		site.leases(`1795400000 02:00:00:00:00:01 192.168.1.50 ${payload.replaceAll(' ', '_')} *\n`);
		await open(it, site);

		const text = await it.$eval('.mape-page', node => node.textContent);

		if (!text.includes(payload.slice(0, 30)))
			wrong.push(`${payload.slice(0, 30)}: is not shown as text`);
		await it.click('.mape-page tr[data-section-id="game"] .cbi-button-edit, .mape-page tr[data-sid="game"] .cbi-button-edit');
		await it.waitForSelector('.modal [data-name="src_dport"]');
		wrong.push(...(await it.$$eval('.mape-alive, [onerror], [onload], [onfocus], [ontoggle], a[href^="javascript:"], iframe', nodes => nodes.map(node => node.outerHTML.slice(0, 80)))));
	}
	results.check('whatever a forward or a host is called, it is text', [ ...new Set(wrong), ...seen(it) ]);
	site.leases('');
	await it.context().close();
}

async function run(suite) {
	const it = await page(suite.browser, suite.site);

	await shown(suite, it);
	await typed(suite, it);
	await closed(suite);
	await onPhone(suite);
	await without(suite, it);
	await it.context().close();
	await hostile(suite);
	suite.site.forwards({});
}

module.exports = { run, type, SECTIONS, withForwards };
