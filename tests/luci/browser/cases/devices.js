'use strict';

// Which device has which ports: by name, framed on the map of ports, and as a list; and the row of
// a line on LuCI's overview.

const { page, seen } = require('../browser.js');
const { settled, PAGES } = require('./states.js');
const worlds = require('../worlds.js');

// Of the recorded line; it has published ports too.
const DEVICE = { name: 'ps5', address: '192.168.1.12' };

// The blocks of which this device has a port, by their first.
function expected(answers, address = DEVICE.address) {
	const ports = JSON.parse(answers.ports.out).interfaces[0].ports.filter(({ hosts }) => hosts?.includes(address)).map(({ port }) => port);
	const blocks = JSON.parse(answers.status.out).interfaces[0].ports.blocks.filter(({ first, last }) => ports.some(port => port >= first && port <= last));

	return { ports, blocks: blocks.map(({ first }) => first) };
}

function framedIn(it) {
	return it.$$eval('.mape-cell-mine', cells => cells.map(({ dataset }) => Number(dataset.first)));
}

// Presses it with the keyboard, and sees what is framed.
async function chosen(it, answers) {
	const { ports, blocks } = expected(answers);
	const framed = () => framedIn(it);
	const asked = [];
	const wrong = [];

	it.on('request', request => {
		if ((request.postData() ?? '').includes('"ports"'))
			asked.push(request);
	});
	await it.waitForResponse(answer => (answer.request().postData() ?? '').includes('"status"'), { timeout: 60000 });
	wrong.push(asked.length && 'a poll asks for single ports', (await framed()).length && 'blocks are framed before a device is chosen');
	await it.focus(`.mape-device[data-address="${DEVICE.address}"]`);
	await it.keyboard.press('Enter');
	await it.waitForSelector('.mape-cell-mine', { timeout: 20000 });
	for (const when of [ 'at once', 'after a poll' ]) {
		const shown = await framed();
		const text = await it.$eval(`li:has([data-address="${DEVICE.address}"])`, node => node.textContent);

		wrong.push(JSON.stringify(shown) !== JSON.stringify(blocks) && `${when}: framed are ${shown}, and not ${blocks}`,
			!text.startsWith(`${DEVICE.name} (${DEVICE.address})`) && `${when}: the device is "${text}"`,
			!text.includes(String(ports[0])) && `${when}: no port ${ports[0]} in "${text}"`,
			await it.evaluate(() => document.activeElement.dataset.address) !== DEVICE.address && `${when}: the focus is lost`);
		await it.waitForResponse(answer => (answer.request().postData() ?? '').includes('"status"'), { timeout: 60000 });
		await it.waitForTimeout(500);
	}
	await it.keyboard.press('Enter');
	await it.waitForFunction(() => !document.querySelector('.mape-cell-mine'), null, { timeout: 20000 }).catch(() => wrong.push('a second press does not let it go'));

	return wrong;
}

// Another device is pressed while the first one's ports are not there yet: they come too late.
async function overtaken(it, answers) {
	const all = await it.$$eval('.mape-device', nodes => nodes.map(({ dataset }) => dataset.address));
	const blocks = address => JSON.stringify(expected(answers, address).blocks);
	const other = all.find(address => blocks(address) !== blocks(DEVICE.address) && blocks(address) !== '[]');
	const asks = request => (request.postData() ?? '').includes('"ports"');
	const wrong = [];
	let release = null;
	const held = new Promise(done => {
		release = done;
	});
	let isFirst = true;

	await it.route('**/*', async route => {
		if (isFirst && asks(route.request())) {
			isFirst = false;
			await held;
		}
		await route.continue();
	});
	await it.click(`.mape-device[data-address="${DEVICE.address}"]`);
	await it.click(`.mape-device[data-address="${other}"]`);
	await it.waitForSelector('.mape-cell-mine', { timeout: 20000 });

	const late = it.waitForResponse(answer => asks(answer.request()), { timeout: 20000 });

	release();
	await late;
	await it.waitForTimeout(500);
	wrong.push(JSON.stringify(await framedIn(it)) !== blocks(other) && `framed are ${await framedIn(it)}, and not ${blocks(other)}`);
	await it.unroute('**/*');
	await it.click(`.mape-device[data-address="${other}"]`);

	return wrong;
}

// The list of ports: by device, and port by port.
async function listed(it, answers) {
	const { ports } = expected(answers);

	await it.click('.mape-buttons .btn:nth-of-type(2)');
	await it.waitForSelector('.modal .mape-totals', { timeout: 20000 });

	const [ devices, each ] = await it.$$eval('.modal .mape-totals', tables => tables.map(table => [ ...table.querySelectorAll('.tr') ].slice(1).map(row => [ ...row.children ].map(cell => cell.textContent))));
	const of = devices.find(([ device ]) => device === `${DEVICE.name} (${DEVICE.address})`);
	const rows = each.filter(([ , device ]) => device.includes(DEVICE.name)).map(([ port ]) => Number(port));
	const counts = devices.map(([ , count ]) => Number(count));

	return [
		Number(of?.[1]) !== ports.length && `the device has ${of?.[1]} ports, and not ${ports.length}`,
		JSON.stringify(rows) !== JSON.stringify(ports) && `its rows are ${rows}, and not ${ports}`,
		counts.some((count, at) => count > counts[at - 1]) && `in another order: ${counts}`
	];
}

// As full as this, of 237 ports.
function used(answers, count) {
	const status = JSON.parse(answers.status.out);

	status.interfaces[0].ports.used.tcp = count;

	return { ...answers, status: { ...answers.status, out: JSON.stringify(status) } };
}

async function overview({ site, results }, it, answers) {
	const wrong = [];

	for (const [ count, heat ] of [ [ 100, '' ], [ 190, 'warn' ], [ 230, 'bad' ] ]) {
		site.answers(used(answers, count));
		await it.goto(`${site.base}/cgi-bin/luci/admin/status/overview`);
		await it.waitForSelector('.mape-bar', { timeout: 20000 });

		const row = await it.$eval('.mape-use', node => ({ heat: node.firstElementChild.dataset.heat, text: node.parentNode.textContent }));

		wrong.push(row.heat !== heat && `${count}: the bar is "${row.heat}" and not "${heat}"`, !row.text.includes(`TCP ${count} / 237`) && `${count}: it says "${row.text}"`);
	}
	results.check('the overview has a bar that changes its colour at 80 and at 95 %', [ ...wrong, ...seen(it) ]);
}

// Lists in the words of each language.
async function separated({ site, results }, it, answers) {
	const wrong = [];

	site.answers(answers);
	for (const [ language, mark ] of [ [ 'ja', '、' ], [ 'zh-cn', '、' ], [ 'en', ', ' ] ]) {
		site.language(language);
		await it.goto(`${site.base}/cgi-bin/luci/${PAGES.status}`);
		await settled(it);

		const title = await it.$eval('.mape-cell', cell => cell.title);

		wrong.push(!title.includes(`TCP 2${mark}UDP 0${mark}`) && `${language}: "${title}"`);
	}
	results.check('lists have the separators of each language', [ ...wrong, ...seen(it) ]);
}

async function run(suite) {
	const { browser, site, results, options } = suite;
	const answers = worlds.make(options.program, 'devices', worlds.states().up.change);
	const it = await page(browser, site);

	site.interfaces({ wan: {} });
	site.answers(answers);
	site.leases(`1795400000 02:00:00:00:00:01 ${DEVICE.address} ${DEVICE.name} *\n`);
	await it.goto(`${site.base}/cgi-bin/luci/${PAGES.status}`);
	await settled(it);
	results.check('a device that is pressed has its blocks framed, also after a poll', [ ...(await chosen(it, answers)), ...seen(it) ]);
	results.check('an answer that comes too late frames nothing', [ ...(await overtaken(it, answers)), ...seen(it) ]);
	if (options.pictures)
		await it.screenshot({ path: `${options.pictures}/devices.png`, fullPage: true });
	results.check('the list says which device has which ports', [ ...(await listed(it, answers)), ...seen(it) ]);
	await separated(suite, it, answers);
	await overview(suite, it, answers);
	site.leases('');
	site.interfaces({});
	await it.context().close();
}

module.exports = { run };
