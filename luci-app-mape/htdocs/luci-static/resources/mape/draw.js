'use strict';
'require baseclass';
'require dom';
'require ui';
'require mape.model as model';
'require mape.text as text';

// DOM nodes for the model's values. Every value of the router becomes a text node: children are
// always passed in arrays. A style that depends on a value is set on the node, because a strict CSP
// refuses styles in markup.

const PROTOCOL_NAMES = { tcp: 'TCP', udp: 'UDP', icmp: 'ICMP' };

// Signs of the badges: no state is a colour alone.
const TONES = { ok: '✔', busy: '…', warn: '△', bad: '✘', off: '–' };

const STEP_NAMES = {
	ipv6: _('IPv6'),
	prefix: _('Prefix'),
	rule: _('Rule'),
	tunnel: _('Tunnel'),
	verified: _('IPv4')
};

const STEP_STATES = {
	ok: _('done', 'MAP-E step'),
	wait: _('waiting', 'MAP-E step'),
	bad: _('problem', 'MAP-E step'),
	unknown: _('unknown', 'MAP-E')
};

function unknown() {
	return E('em', { 'class': 'mape-unknown' }, [ _('unknown', 'MAP-E') ]);
}

// A value as a text node; nothing known is said in words.
function known(value) {
	return value === null || value === undefined ? unknown() : document.createTextNode(String(value));
}

return baseclass.extend({
	protocolName(protocol) {
		return PROTOCOL_NAMES[protocol] ?? protocol;
	},

	stylesheet() {
		return E('link', { 'rel': 'stylesheet', 'href': L.resource('mape/mape.css') });
	},

	known,

	// Whose line it is, and what is ours of it.
	owner(line) {
		const psid = model.psid(line);

		return text.list([ text.provider(line.provider), line.ipv4, ...psid === null ? [] : [ `PSID ${psid}` ] ]);
	},

	// A word with a colour: 'ok', 'busy', 'warn', 'bad', or 'off' without one.
	badge(tone, word) {
		return E('span', { 'class': 'mape-badge', 'data-tone': tone }, [ TONES[tone], ' ', word ]);
	},

	// The badge without its word, which a screen reader says.
	sign(tone, word) {
		return E('span', { 'class': 'mape-badge', 'data-tone': tone, 'role': 'img', 'aria-label': word, 'title': word }, [ TONES[tone] ]);
	},

	// The program's own words, which are English, folded.
	details(...lines) {
		const words = lines.flat().filter(line => line);

		return words.length ? E('details', { 'class': 'mape-detail' }, [
			E('summary', {}, [ _('Details', 'MAP-E') ]),
			...words.map(line => E('p', { 'lang': 'en' }, [ line ]))
		]) : '';
	},

	// A box with a sentence about a problem; below it a button or link, and folded the
	// program's own message and next step.
	problem(sentence, message, hint, button) {
		return this.box('warning', sentence, message, hint, button);
	},

	// The same where nothing is wrong, but a person has to wait or to press something.
	notice(sentence, button) {
		return this.box('notice', sentence, null, null, button);
	},

	box(kind, sentence, message, hint, button) {
		return E('div', { 'class': `alert-message ${kind} mape-problem` }, [
			E('p', {}, [ sentence ]),
			button ? E('div', { 'class': 'mape-buttons' }, [ button ]) : '',
			this.details(message, hint && `→ ${hint}`)
		]);
	},

	link(label, ...path) {
		return E('a', { 'class': 'btn cbi-button-action', 'href': L.url(...path) }, [ label ]);
	},

	// An error of the program.
	error(error, button) {
		return this.problem(text.explain(error), error?.message, error?.hint, button);
	},

	// Rows of a name and a value or node.
	table(rows) {
		return E('table', { 'class': 'table mape-table' }, rows.map(([ name, value ]) =>
			E('tr', { 'class': 'tr' }, [
				E('td', { 'class': 'td left', 'width': '33%' }, [ name instanceof Node ? name : String(name) ]),
				E('td', { 'class': 'td left' }, [ value instanceof Node ? value : known(value) ])
			])));
	},

	chain(status) {
		return E('ol', { 'class': 'mape-chain' }, model.chain(status).map(({ name, state, seconds }) =>
			E('li', { 'class': `mape-step mape-${state}` }, [
				E('strong', {}, [ STEP_NAMES[name] ]),
				E('span', { 'class': 'mape-state' }, [ STEP_STATES[state] ]),
				E('span', { 'class': 'mape-detail' }, [ this.stepText(name, state, status) ]),
				seconds === null ? '' : E('span', { 'class': 'mape-detail' }, [ _('for %s').replace('%s', text.duration(seconds)) ])
			])));
	},

	stepText(name, state, status) {
		const line = status?.line;

		if (state === 'bad' && name !== 'tunnel' && name !== 'verified')
			return _('see below');

		if (state === 'unknown' && name !== 'verified')
			return '';

		if (state !== 'ok')
			return {
				ipv6: _('waiting for an address from the provider'),
				prefix: '',
				rule: '',
				tunnel: status?.state === 'shut' ? _('firewall rules not loaded') : '',
				verified: state === 'bad' ? _('no reply from the border relay') : state === 'unknown' && line ? _('traffic counters unavailable') : line ? _('no reply yet') : ''
			}[name];

		return {
			ipv6: line?.uplink ? _('%s is connected').replace('%s', line.uplink) : '',
			prefix: line?.end_user_prefix ?? '',
			rule: line ? `${text.provider(line.provider)} (${text.source(line.rule_source)})` : '',
			tunnel: status?.device ?? '',
			verified: line ? _('%s is reachable').replace('%s', line.ipv4) : ''
		}[name];
	},

	// Many are shown when asked for.
	ranges(list) {
		const all = model.rangeTexts(model.joined(list));
		const nodes = all.map(range => E('span', { 'class': 'mape-range' }, [ range ]));

		if (all.length <= 20)
			return E('span', {}, [ ...nodes ]);

		return E('details', {}, [ E('summary', {}, [ `${all[0]} … ${all[all.length - 1]} (${all.length})` ]), ...nodes ]);
	},

	// What a plan gives, or what its error says.
	plan(plan) {
		if (plan?.error)
			return this.error(plan.error);

		if (!plan?.ipv4)
			return unknown();

		const psid = model.psid(plan);

		return this.table([
			[ _('Provider'), text.provider(plan.provider) ],
			[ _('IPv4 address'), this.address(plan) ],
			[ _('Ports'), psid === null ? plan.port_count : `${plan.port_count} (PSID ${psid})` ],
			[ _('Port ranges'), this.ranges(plan.port_ranges) ],
			[ _('Border relay (BR)'), plan.br ],
			[ _('MTU'), plan.mtu ],
			[ _('Rule source'), text.source(plan.rule?.source) ]
		]);
	},

	// What `detect` found, in words. `provisioned`: whether provisioning is on.
	line(answer, provisioned) {
		const line = answer?.line;

		if (line?.error)
			return this.error(line.error);

		const from = model.ruleFrom(answer);

		if (from) {
			const sentence = text.networkRule(from, provisioned);
			const [ { says } ] = line.evidence;

			return from === 'dhcpv6' || provisioned
				? E('div', {}, [ E('p', {}, [ sentence ]), this.details(says) ])
				: this.problem(sentence, says);
		}

		const isMape = line?.line === 'map-e';
		const whose = line?.provider ? text.provider(line.provider) : null;
		const sure = line?.confidence ? text.confidence(line.confidence) : null;
		const name = whose && sure ? `${whose} (${sure})` : whose ?? (sure && `(${sure})`);

		if (isMape && answer.plan && !answer.plan.error)
			return E('div', {}, [
				E('p', {}, [ this.badge('ok', text.line(line.line)), name ? ` ${name}` : '' ]),
				this.summary(answer.plan),
				E('details', { 'class': 'mape-technical' }, [ E('summary', {}, [ _('Technical details') ]), this.plan(answer.plan) ])
			]);

		return this.problem([ text.line(line?.line), name ].filter(words => words).join(' '), line?.evidence?.[0]?.says, line?.next_step);
	},

	// The address of a plan, and how many ports are ours.
	summary(plan) {
		return E('p', {}, [ E('strong', {}, [ this.address(plan) ]), ` (${this.share(plan)})` ]);
	},

	// The IPv4 address of a line, with the length of a block.
	address(line) {
		return line.ipv4_prefix_len === 32 ? line.ipv4 : `${line.ipv4}/${line.ipv4_prefix_len}`;
	},

	share(line) {
		return model.psid(line) === null ? _('not shared') : _('shared, %d ports are yours').replace('%d', () => line.port_count);
	},

	// Text to take away: also where the browser allows no clipboard, as over plain HTTP.
	showText(title, words) {
		const area = E('textarea', { 'class': 'mape-text', 'readonly': '', 'rows': 16, 'wrap': 'off', 'aria-label': title });

		area.value = words;

		ui.showModal([ title ], [
			area,
			E('div', { 'class': 'right' }, [
				E('button', { 'class': 'btn', 'click': ui.hideModal }, [ _('Close') ]),
				' ',
				E('button', {
					'class': 'btn cbi-button-action',
					'click': ui.createHandlerFn(this, () => {
						area.focus();
						area.select();

						return navigator.clipboard?.writeText ? navigator.clipboard.writeText(words) : document.execCommand('copy');
					})
				}, [ _('Copy') ])
			])
		]);
	},

	// An answer below a button; the last question wins.
	answer() {
		const node = E('div', { 'class': 'mape-answer', 'aria-live': 'polite' });
		let asked = 0;

		return {
			node,
			fill: (promise, render) => {
				const question = ++asked;

				return promise.then(render, error => this.failed(error)).then(content => {
					if (question === asked)
						dom.content(node, content);
				});
			}
		};
	},

	// Waits for a call. A failure is shown above the page, which is then drawn again.
	done(call) {
		return call.then(answer => this.trouble(answer), error => this.failed(error)).then(problem => {
			if (problem)
				ui.addNotification(null, problem);
		});
	},

	// The error or the partial failures of an answer as a box; null if everything succeeded.
	trouble(answer) {
		const faults = [].concat(answer?.faults ?? []);

		return answer?.error ? this.error(answer.error)
			: faults.length ? this.problem(_('A part of it could not be done. See the diagnosis for what to do.'), faults) : null;
	},

	// A call that failed, as a person can act on it.
	failed(error) {
		// LuCI adds to it where in its scripts that was.
		const [ message ] = String(error?.message ?? '').split('\n');

		// In the words of LuCI and of ubus.
		if ((/access denied|permission denied/i).test(message))
			return this.problem(_('Access denied. Log in again with an account that may change settings.'), message);

		return this.problem(_('The router did not respond. Reload the page; if it persists, log in again or restart rpcd.'), message);
	}
});
