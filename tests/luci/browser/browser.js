'use strict';

// A headless Chromium, and what is recorded on every page: requests to other origins, violations of
// the content security policy, errors of scripts, and injected markup that was executed.

const fs = require('fs');
const os = require('os');
const path = require('path');
const { chromium } = require('playwright-core');

const FLAGS = [
	'--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
	'--disable-background-networking', '--disable-component-update', '--disable-sync'
];

// As LuCI's own plugin sends it in its strict form, less the host for firmware images.
const POLICY = [
	'default-src \'none\'', 'script-src \'self\' \'unsafe-inline\' \'unsafe-eval\'', 'style-src \'self\' \'unsafe-inline\'',
	'img-src \'self\' data: blob:', 'font-src \'self\'', 'connect-src \'self\'', 'frame-ancestors \'self\'', 'form-action \'self\'',
	'base-uri \'self\''
].join('; ');

async function open() {
	const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mape-luci-browser-'));
	const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
	const browser = await chromium.launch({ executablePath, args: [ ...FLAGS, `--user-data-dir=${directory}` ].filter(flag => !flag.startsWith('--user-data-dir')) });

	return { browser, close: () => browser.close().finally(() => fs.rmSync(directory, { recursive: true, force: true })) };
}

// A page of a user, with its watch: everything in `page.seen` must stay empty.
async function page(browser, site, { user = 'root', width = 1280, height = 900, dark = false, policy = null } = {}) {
	const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', serviceWorkers: 'block' });

	if (user) {
		const { name, value } = await site.login(user);

		await context.addCookies([ { name, value, url: site.base } ]);
	}

	const it = await context.newPage();

	it.seen = { elsewhere: [], violations: [], errors: [], alive: [] };
	it.on('request', request => {
		const url = new URL(request.url());

		if (/^https?:|^wss?:/.test(url.protocol) && url.origin !== site.base)
			it.seen.elsewhere.push(request.url());
	});
	it.on('pageerror', error => it.seen.errors.push(String(error.stack ?? error).split('\n').slice(0, 6).map(line => line.trim()).join(' ')));
	it.on('dialog', dialog => {
		it.seen.alive.push(`dialog ${dialog.message()}`);
		dialog.dismiss();
	});
	await it.exposeFunction('mapeLuciViolation', text => it.seen.violations.push(text));
	await it.exposeFunction('mapeLuciAlive', text => it.seen.alive.push(text));
	await it.addInitScript(() => {
		document.addEventListener('securitypolicyviolation', event => {
			window.mapeLuciViolation(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile ?? ''}:${event.lineNumber}`);
		});
	});

	if (policy)
		await it.route('**/*', async route => {
			if (route.request().resourceType() !== 'document')
				return route.continue();

			const response = await route.fetch();

			return route.fulfill({ response, headers: { ...response.headers(), 'content-security-policy': policy } });
		});

	return it;
}

// What the watch has seen so far, as words.
function seen(page) {
	return Object.entries(page.seen).flatMap(([ kind, list ]) => list.map(text => `${kind}: ${text}`));
}

// Elements of ours that stick out of the window or whose text is cut.
function overflow(page, within) {
	return page.evaluate(selector => {
		const wide = document.documentElement.clientWidth;
		const bad = [];

		for (const node of document.querySelectorAll(`${selector}, ${selector} *`)) {
			const box = node.getBoundingClientRect();
			const style = getComputedStyle(node);

			if (!box.width || style.visibility === 'hidden' || node.closest('svg, .mape-scroll, textarea'))
				continue;
			if (box.right > wide + 1 || box.left < -1)
				bad.push(`${node.tagName}.${node.className} from ${Math.round(box.left)} to ${Math.round(box.right)}`);
			if (node.children.length === 0 && node.textContent.trim() && style.display !== 'inline'
				&& node.scrollWidth > node.clientWidth + 1 && style.overflowX !== 'visible')
				bad.push(`cut: ${node.textContent.trim().slice(0, 40)}`);
		}

		// A theme may be too wide by itself.
		const whole = document.documentElement.scrollWidth;
		const ours = document.querySelectorAll(selector);

		ours.forEach(node => node.style.setProperty('display', 'none'));
		if (whole > wide + 1 && whole > document.documentElement.scrollWidth)
			bad.push(`the page is ${whole} wide in a window of ${wide}, and without ours ${document.documentElement.scrollWidth}`);
		ours.forEach(node => node.style.removeProperty('display'));

		return bad;
	}, within);
}

// Our texts that are hard to read: contrast to the background below 3 to 1 (WCAG, large text).
function faint(page, within) {
	return page.evaluate(selector => {
		const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
		const colour = text => {
			canvas.clearRect(0, 0, 1, 1);
			canvas.fillStyle = text;
			canvas.fillRect(0, 0, 1, 1);

			const [ r, g, b, a ] = canvas.getImageData(0, 0, 1, 1).data;

			return [ r, g, b, a / 255 ];
		};
		const over = (front, back) => [ 0, 1, 2 ].map(at => front[at] * front[3] + back[at] * (1 - front[3])).concat(1);
		const behind = node => {
			const layers = [];

			for (let it = node; it; it = it.parentElement)
				layers.unshift(colour(getComputedStyle(it).backgroundColor));

			const dark = matchMedia('(prefers-color-scheme: dark)').matches && getComputedStyle(document.documentElement).colorScheme.includes('dark');

			return layers.reduce((back, layer) => over(layer, back), dark ? [ 18, 18, 18, 1 ] : [ 255, 255, 255, 1 ]);
		};
		const gradient = node => node && (getComputedStyle(node).backgroundImage !== 'none' || (node.parentElement !== document.body && gradient(node.parentElement)));
		const light = ([ r, g, b ]) => [ r, g, b ].map(value => value / 255).map(value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
			.reduce((sum, value, at) => sum + value * [ 0.2126, 0.7152, 0.0722 ][at], 0);
		const bad = [];

		for (const node of document.querySelectorAll(`${selector} *`)) {
			const own = [ ...node.childNodes ].some(child => child.nodeType === Node.TEXT_NODE && child.textContent.trim());
			const style = getComputedStyle(node);

			// Buttons and descriptions have the theme's own colours on every page.
			if (!own || !node.getBoundingClientRect().width || node.closest('.btn, .cbi-map-descr, svg'))
				continue;
			// Gradients are not evaluated; themes use them behind their own warnings.
			if (gradient(node))
				continue;

			let shown = 1;

			for (let it = node; it; it = it.parentElement)
				shown *= Number(getComputedStyle(it).opacity);

			const back = behind(node);
			const text = colour(style.color);
			const [ a, b ] = [ light(over([ ...text.slice(0, 3), text[3] * shown ], back)), light(back) ];
			const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);

			if (contrast < 3)
				bad.push(`${node.tagName}.${node.className} "${node.textContent.trim().slice(0, 30)}": ${contrast.toFixed(1)}`);
		}

		return bad;
	}, within);
}

// English phrases that a Japanese or Chinese page shows: only what is folded may be English.
// Chinese has no names of its own for Japanese services.
function english(page, within) {
	return page.$$eval(`${within} *`, nodes => nodes.flatMap(node => [ ...node.childNodes ].filter(child => child.nodeType === Node.TEXT_NODE).map(child => child.textContent.trim())
		.filter(words => node.checkVisibility() && !node.closest('code, pre') && (/[a-z]{2,} [a-z]{2,}/i).test(words.replaceAll('OCN Virtual Connect', '')) && !(/[\u3040-\u9fff]/).test(words))));
}

module.exports = { open, page, seen, overflow, faint, english, POLICY };
