'use strict';

// From "Open a port" to a published port: added on the page, saved and applied, and shown with its
// external address and port. On the real LuCI the line is up, and the test also looks for the rules
// in the kernel that forward the port.

const { page, seen } = require('../browser.js');
const { settled, PAGES } = require('./states.js');
const { type, withForwards } = require('./forward.js');

// A host, and the port it listens on, which is not in the set of this line.
const HOST = '192.168.1.77';
const INSIDE = '25565';

// Waits until it holds; false where it never does.
async function until(it, seconds, holds) {
	for (const end = Date.now() + seconds * 1000; Date.now() < end; await it.waitForTimeout(500))
		if (await holds())
			return true;

	return false;
}

// A line that is up, as netifd makes it.
function up(site, it) {
	const status = () => JSON.parse(site.router('ubus', 'call', 'network.interface.wan', 'status').stdout || '{}');

	site.router('ubus', 'call', 'network', 'reload');

	return until(it, 30, () => status().up);
}

// Forwards as the configuration has them: { section: { option: value } }.
function written(site) {
	const found = {};

	const text = site.router('uci', 'show', 'firewall').stdout;

	for (const [ , section, option, value ] of text.matchAll(/^firewall\.(mape_[a-z0-9]+)\.([a-z_]+)='(.*)'$/gm))
		if (text.includes(`firewall.${section}=mape_forward`))
			(found[section] ??= {})[option] = value;

	return found;
}

async function run({ browser, site, results, options }) {
	if (site.real && !site.hasNetifd)
		return results.note('publish', 'not run: the root has no netifd');

	const it = await page(browser, site);

	if (site.real)
		site.restartOnce();
	site.forwards({});
	site.interfaces({ wan: {} });
	site.answers(site.real ? null : withForwards(options, {}));
	site.follow(sections => withForwards(options, sections));

	if (site.real && !(await up(site, it))) {
		if (site.hasTunnels)
			results.check('the line is up', 'it is not');
		else
			results.note('publish', 'not run: this kernel has no ip6_tunnel');
	}
	else {
		await published({ site, results, options }, it);
	}

	site.follow(null);
	site.forwards({});
	site.interfaces({});
	if (site.real)
		site.router('ubus', 'call', 'network', 'reload');
	await it.context().close();
}

async function published({ site, results, options }, it) {
	const rows = () => it.$$eval('.mape-forward', nodes => nodes.map(node => node.textContent)).catch(() => []);
	const picture = async name => {
		if (options.pictures)
			await it.screenshot({ path: `${options.pictures}/publish-${name}.png` });
	};

	await it.goto(`${site.base}/cgi-bin/luci/${PAGES.forward}`);
	await settled(it);
	results.check('at first nothing is published', await rows());

	await it.click('.mape-page .cbi-button-add');
	await it.waitForSelector('.modal [data-name="src_dport"]');
	await type(it, 'dest_ip', HOST);
	await type(it, 'dest_port', INSIDE);
	await picture('typed');
	await it.click('.modal .cbi-button-save, .modal .cbi-button-positive');
	await it.waitForFunction(() => !document.body.classList.contains('modal-overlay-active') && document.querySelector('.mape-forward'), null, { timeout: 20000 });

	const waiting = await rows();

	results.check('before it is applied the page does not call it published', (waiting.length !== 1 || !/^… not applied yet$/.test(waiting[0])) && waiting.join());

	await it.locator('.cbi-page-actions .cbi-button-apply li:first-child, .cbi-page-actions .cbi-button-apply').first().click({ timeout: 20000 });

	// LuCI reloads the page by itself.
	const shown = await until(it, 60, async () => (await rows()).some(text => /^✔ open /.test(text)));
	const [ row ] = await rows();
	const outside = /^✔ open 106\.72\.50\.97:(\d+)Others connect/.exec(row ?? '')?.[1];

	await picture('published');
	results.check('after Save & Apply it is published, with address and port outside', (!shown || !outside) && `the page says: ${row}`);
	if (outside)
		results.note('port outside', outside);

	const line = JSON.parse(require('child_process').execFileSync(options.program, [ 'plan', '--json', '240b:10:3261:6400::/56' ], { encoding: 'utf8' }));

	results.check('the port outside is one of the line\'s own', !line.port_ranges.some(([ first, last ]) => outside >= first && outside <= last) && outside);

	if (site.real) {
		const forwards = Object.values(written(site));

		results.check('the configuration has what was typed, and the port stays automatic', (forwards.length !== 1 || forwards[0].dest_ip !== HOST
			|| forwards[0].dest_port !== INSIDE || (forwards[0].src_dport ?? 'auto') !== 'auto') && JSON.stringify(forwards));

		// procd would have firewall4 reload, whose include this is.
		const { status, stdout, stderr } = site.router('/bin/sh', '/usr/share/mape-rs/firewall.include');
		const rules = site.router('nft', 'list', 'table', 'inet', 'mape_rs').stdout;

		results.check('firewall4\'s include loads it into the kernel', [ status !== 0 && `${stdout}${stderr}`, !rules.includes(HOST) && `no ${HOST} in ${rules.length} bytes of rules` ]);
	}

	await it.goto(`${site.base}/cgi-bin/luci/${PAGES.forward}`);
	await settled(it);
	results.check('it is still there when the page is opened again', (await rows())[0] !== row && (await rows()).join());
	results.check('nothing else was seen on the way', seen(it));
}

module.exports = { run };
