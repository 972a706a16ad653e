'use strict';

// From "Add new interface" to a line that is up, on the real LuCI. All clicks are counted, and no
// number is typed.

const { page, seen } = require('../browser.js');

const NAME = 'mape';

async function run({ browser, site, results, options }) {
	if (!site.hasNetifd)
		return results.note('flow', 'not run: the root has no netifd');

	site.answers(null);
	site.restartOnce();
	site.interfaces({});
	site.router('ubus', 'call', 'network', 'reload');

	const it = await page(browser, site);
	const clicks = [];
	const typed = [];
	const click = async (what, selector) => {
		await it.locator(selector).first().click({ timeout: 20000 });
		clicks.push(what);
	};
	const picture = async name => {
		if (options.pictures)
			await it.screenshot({ path: `${options.pictures}/flow-${name}.png` });
	};

	await it.goto(`${site.base}/cgi-bin/luci/admin/network/network`);
	await click('Add new interface...', '.cbi-section-create .cbi-button-add, button.cbi-button-add');
	const name = it.locator('#modal_overlay input[type="text"]:visible, .modal input[type="text"]:visible').first();

	await name.fill(NAME);
	typed.push(NAME);
	await it.locator('.modal select:has(option[value="mape"])').first().selectOption('mape');
	clicks.push('protocol MAP-E (Japan)');

	const offered = await it.locator('.modal option[value="mape"]').first().textContent();

	results.check('the protocol is offered as "MAP-E (Japan)"', offered.trim() !== 'MAP-E (Japan)' && offered);
	await picture('add');
	await click('Create interface', '.modal .btn.cbi-button-add, .modal .cbi-button-positive:not([disabled])');
	await it.waitForFunction(() => /106\.72\.50\.97/.test(document.querySelector('.mape-answer')?.innerText ?? ''), null, { timeout: 30000 });

	const words = await it.locator('.mape-answer').first().textContent();

	results.check('provider, IPv4 address, number of ports and BR are shown before anything is saved', [ 'v6', '106.72.50.97', '240', '2404:9200:225:100::64' ].filter(word => !words.includes(word)).map(word => `no ${word} in: ${words}`));
	await picture('detected');
	await click('Save', '.modal .cbi-button-save, .modal .btn.cbi-button-positive.important');
	await it.waitForFunction(() => !document.body.classList.contains('modal-overlay-active'), null, { timeout: 20000 });
	await click('Save & Apply', '.cbi-page-actions .cbi-button-apply li:first-child, .cbi-page-actions .cbi-button-apply');

	const until = Date.now() + 60000;
	let status = {};
	let applied = false;

	while (Date.now() < until) {
		// rpcd has committed the change and notifies procd, which would notify netifd.
		// procd does not run here.
		if (!applied && site.get(`network.${NAME}.proto`) === 'mape') {
			site.router('ubus', 'call', 'network', 'reload');
			applied = true;
		}
		status = JSON.parse(site.router('ubus', 'call', `network.interface.${NAME}`, 'status').stdout || '{}');
		if (status.up)
			break;
		await it.waitForTimeout(500);
	}

	if (status.up || site.hasTunnels)
		results.check('the interface is up after Save & Apply', !status.up && `${applied ? 'applied' : 'never applied'}, ${JSON.stringify(status).slice(0, 600)}`);
	else {
		results.note('up', 'not judged: this kernel has no ip6_tunnel');
		results.check('netifd has the interface after Save & Apply', status.proto !== 'mape' && JSON.stringify(status).slice(0, 600));
	}
	results.check('no number was typed', typed.filter(text => /\d/.test(text)));
	results.note('clicks', `${clicks.length}: ${clicks.join(', ')}`);
	results.check('the interface is in the zone wan', !site.router('uci', 'show', 'firewall').stdout.split('\n').some(line => /network=/.test(line) && line.includes(`'${NAME}'`)) && site.router('uci', 'show', 'firewall').stdout);

	// LuCI confirms that the router is still there, says so, and reloads the page by itself.
	await it.waitForFunction(() => /changes applied/.test(document.body?.innerText), null, { timeout: 40000 }).catch(() => null);
	await it.waitForTimeout(5000);
	await it.goto(`${site.base}/cgi-bin/luci/admin/network/network`, { timeout: 60000 });
	if (status.up) {
		await it.waitForFunction(() => /MAP-E \(Japan\): .*PSID 100/.test(document.body.innerText), null, { timeout: 20000 })
			.then(() => results.check('the row says "MAP-E (Japan): …, PSID 100"'), () => results.check('the row says "MAP-E (Japan): …, PSID 100"', 'it does not'));
		await picture('row');
	}
	results.check('nothing else was seen on the way', seen(it));
	await it.context().close();
}

module.exports = { run, needs: 'real' };
