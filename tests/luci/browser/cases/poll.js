'use strict';

// 63 blocks and 1008 ports: what one look at the status page brings over the wire.

const { page, seen } = require('../browser.js');
const { settled, PAGES } = require('./states.js');
const worlds = require('../worlds.js');

const LIMIT = 8192;

// As many as the program lists.
const HOSTS = 5;

// The same answer with every counter as long as it gets: the recorded line is not that busy.
function fullest(answers) {
	const status = JSON.parse(answers.status.out);
	const [ line ] = status.interfaces;
	const all = count => ({ tcp: count, udp: count, icmp: count });

	for (const block of line.ports.blocks)
		block.used = all(block.last - block.first + 1);
	Object.assign(line.ports, {
		used: all(1008), connections: all(262144), peak: { ...all(1008), recorded_for: 99999999 },
		hosts: Array.from({ length: HOSTS }, (_, at) => ({ address: `192.168.100.${100 + at}`, connections: 100000 - at }))
	});
	for (const key of Object.keys(line.traffic))
		line.traffic[key] = 2 ** 50;
	Object.assign(line, { uptime: 99999999, before: { end_user_prefix: line.line.end_user_prefix, ipv4: line.line.ipv4, psid: 63, br: line.line.br, mtu: 1460 } });
	for (const key of Object.keys(status.conntrack))
		status.conntrack[key] = 2 ** 32 - 1;

	return { ...answers, status: { ...answers.status, out: JSON.stringify(status) } };
}

async function run({ browser, site, results, options }) {
	site.interfaces({ wan: {} });
	site.answers(fullest(worlds.make(options.program, 'busy', world => world.becomes('2400:4050:80ba:2200::/56'))));

	const it = await page(browser, site);

	await it.goto(`${site.base}/cgi-bin/luci/${PAGES.status}`);
	await settled(it);

	const cells = (await it.$$('.mape-cell')).length;

	const sizes = [];

	// Two polls at LuCI's interval, however long the machine takes for them.
	while (sizes.length < 2) {
		const response = await it.waitForResponse(answer => answer.url().includes('/ubus') && (answer.request().postData() ?? '').includes('"luci.mape"'), { timeout: 60000 });

		sizes.push(Buffer.byteLength(await response.text()));
	}

	results.check(`63 blocks are 63 cells, and a poll is at most ${LIMIT} bytes`, [
		cells !== 63 && `${cells} cells`,
		...sizes.filter(size => size > LIMIT).map(size => `${size} bytes`),
		...seen(it)
	]);
	results.note('bytes of one poll with 63 blocks', Math.max(...sizes));
	await it.context().close();
	await kept({ browser, site, results, options });
}

// What a person does on the page lasts through three polls, and the nodes are the same. The numbers
// change.
async function kept({ browser, site, results, options }) {
	const world = received => worlds.make(options.program, 'kept', it => it.write('sys/mape-wan/statistics/rx_bytes', `${received}\n`));
	const it = await page(browser, site);
	const wrong = [];

	site.answers(world(1000));
	await it.goto(`${site.base}/cgi-bin/luci/${PAGES.status}`);
	await settled(it);
	await it.$eval('.mape-technical', node => {
		node.open = true;
	});
	await it.evaluate(() => {
		const [ , cell ] = document.querySelectorAll('.mape-cell');
		const br = [ ...document.querySelectorAll('.mape-table .td') ].find(node => node.textContent === '2404:9200:225:100::64');

		cell.focus();
		getSelection().selectAllChildren(br);
		window.mapeKept = [ ...document.querySelectorAll('.mape-page *') ];
	});
	site.answers(world(5000000));
	for (let polls = 0; polls < 3; polls++)
		await it.waitForResponse(answer => (answer.request().postData() ?? '').includes('"status"'), { timeout: 60000 });
	await it.waitForTimeout(500);

	const after = await it.evaluate(() => ({
		focus: document.activeElement.dataset?.first ?? document.activeElement.nodeName, selected: String(getSelection()),
		open: document.querySelector('.mape-technical').open, lost: window.mapeKept.filter(node => !node.isConnected && !node.closest('svg')).length,
		traffic: document.querySelector('.mape-numbers').textContent
	}));

	wrong.push(after.focus !== '9792' && `the focus is on ${after.focus}`, after.selected.trim() !== '2404:9200:225:100::64' && `"${after.selected}" is selected`,
		!after.open && 'the details are folded', after.lost && `${after.lost} nodes were replaced`, !(/4\.77 M|4882|4\.8/).test(after.traffic) && `the numbers are old: ${after.traffic}`);
	results.check('focus, selection and details last through three polls', [ ...wrong, ...seen(it) ]);
	await it.context().close();
}

module.exports = { run };
