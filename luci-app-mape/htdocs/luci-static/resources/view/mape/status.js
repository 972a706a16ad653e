'use strict';
'require view';
'require dom';
'require network';
'require poll';
'require ui';
'require uci';
'require mape.api as api';
'require mape.draw as draw';
'require mape.history as history';
'require mape.model as model';
'require mape.patch as patch';
'require mape.restart as restart';
'require mape.section as sections';
'require mape.tabs as tabs';
'require mape.text as text';
'require mape.usage as usage';

// Names of an interface that is set up; the first is that of `mape-proto detect --apply`.
const NAMES = [ 'wan4', 'wan4mape', 'mape' ];

// Samples that the chart shows, and seconds between them: LuCI's interval.
const SAMPLES = 60;
const INTERVAL = L.env?.pollinterval ?? 5;

// The history of a day has a sample for so many seconds.
const HISTORY = 300;

function button(label, allowed, click, style) {
	return E('button', {
		'class': `btn ${style ?? 'cbi-button-action'}`,
		'disabled': allowed ? null : '',
		'title': allowed ? null : _('Your account may not change these settings.'),
		'click': click
	}, [ label ]);
}

function diagnosis() {
	return draw.link(_('Open diagnostics'), 'admin/status/mape/doctor');
}

// The addresses of a block that have a route, each in a line.
function routed(block) {
	if (!block.routed?.length)
		return block.routed ? _('none', 'MAP-E') : null;

	return text.list(block.routed.map(({ to, device, via }) => via ? `${to} → ${device} (${via})` : `${to} → ${device}`));
}

// One interface: a frame with buttons, and a body that is drawn once and kept up to date.
class Line {
	constructor(name, page) {
		this.name = name;
		this.page = page;
		this.status = null;
		this.samples = [];
		this.day = null;
		this.dayAt = 0;
		this.rates = { rx: null, tx: null };
		// The device whose ports are shown, and these.
		this.marked = null;
		this.chosen = null;
		// Those of the router when the page was opened.
		this.failures = null;
		this.body = E('div', {}, [ E('em', { 'class': 'spinning' }, [ _('Loading…') ]) ]);
		this.again = button(_('Try again now'), page.mayWrite, ui.createHandlerFn(this, 'retry'));
		// Without a port set there is nothing to copy, and the ports in use are unknown.
		this.copy = button(_('Copy port list'), true, () => draw.showText(_('Ports of this line'), model.setText(this.status)));
		this.used = button(_('List ports in use'), true, ui.createHandlerFn(this, 'showPorts', null));
		for (const it of [ this.copy, this.used, this.again ])
			it.hidden = true;
		this.badge = E('span', { 'role': 'status' });
		// In the tab, if there are several lines.
		this.sign = E('span');
		this.node = E('div', { 'class': 'cbi-section', 'data-interface': name }, [
			E('div', { 'class': 'mape-head' }, [
				E('h3', {}, [ name ]), this.badge,
				...[ [ 'admin/status/mape/forward', _('Open a port') ], [ 'admin/status/mape/doctor', _('Open diagnostics') ], [ 'admin/network/network', _('Open Network → Interfaces') ] ]
					.map(([ path, label ]) => E('a', { 'href': L.url(path) }, [ label ]))
			]),
			this.body,
			E('div', { 'class': 'mape-buttons' }, [ this.copy, this.used, this.again ])
		]);
	}

	refresh() {
		return Promise.all([ api.status(this.name), this.portsOf(this.marked) ]).then(([ report ]) => {
			const status = report.interfaces?.find(it => it.interface === this.name);

			if (!status)
				return this.show([ draw.error(report.error ?? { code: 'MAPE_NO_INTERFACE' }) ]);

			const seconds = (Date.now() - this.at) / 1000;

			this.rates = model.rates(this.status, status, seconds);
			this.at = Date.now();
			this.status = status;
			this.again.hidden = status.state === 'up' || status.state === 'shut';
			this.copy.hidden = !status.line;
			this.used.hidden = !status.line && !status.ports;
			this.samples = model.remember(this.samples, status, SAMPLES);
			this.conntrack = report.conntrack;
			this.show(this.draw(), model.shown(status));
			this.remember();
		}, error => this.show([ draw.failed(error) ]));
	}

	// The day is asked for when it can have another sample. Without an answer it is not shown.
	remember() {
		if (this.at - this.dayAt < HISTORY * 1000)
			return;

		this.dayAt = this.at;
		api.history(this.name).then(answer => {
			const day = answer.interfaces?.find(it => it.interface === this.name);

			this.day = day ? { ...day, step: answer.step } : null;
			this.show(this.draw(), model.shown(this.status));
		}, () => {});
	}

	// Only what has changed is touched; a state is announced when it is another one.
	show(parts, shown) {
		patch.patch(this.body, E('div', {}, [ ...parts ]));
		patch.patch(this.badge, E('span', { 'role': 'status' }, [ shown ? draw.badge(shown.tone, text.state(shown.name)) : '' ]));
		patch.patch(this.sign, E('span', {}, [ shown ? draw.sign(shown.tone, text.state(shown.name)) : '' ]));
	}

	// Looks which ports a device has, as long as it is chosen: no other poll asks for them. An
	// answer that comes after another device was chosen counts for nothing.
	portsOf(address) {
		const take = ranges => {
			if (this.marked === address)
				this.chosen = ranges;
		};

		return address === null ? null : api.ports(this.name).then(answer => {
			const list = answer.interfaces?.find(it => it.interface === this.name)?.ports;

			take(model.byDevice(list).find(it => it.address === address)?.ranges ?? []);
		}, () => take(null));
	}

	// A second press lets it go.
	choose(address) {
		this.marked = this.marked === address ? null : address;
		this.chosen = null;

		return Promise.resolve(this.portsOf(this.marked)).then(() => this.show(this.draw(), model.shown(this.status)));
	}

	draw() {
		const { status, conntrack } = this;
		const { line } = status;

		return [
			E('div', {}, [ ...this.warnings(conntrack) ]),
			E('div', {}, [ line ? this.numbers() : '' ]),
			draw.chain(status),
			E('div', {}, [ ...line || status.ports ? [
				E('h4', {}, [ _('Ports') ]),
				usage.totals(status),
				usage.grid(status, block => this.showPorts(block), this.chosen),
				usage.legend(status),
				E('p', { 'class': 'mape-detail' }, [ status.ports?.peak?.recorded_for >= 60
					? _('Most seen while a page or command read the status, in the last %s.').replace('%s', () => text.duration(status.ports.peak.recorded_for)) : '' ]),
				E('h4', {}, [ _('Devices with the most connections') ]),
				usage.hosts(status, address => this.page.hostName(address), this.marked, this.chosen, address => this.choose(address))
			] : [] ]),
			E('div', {}, [ model.hasDay(this.day) ? history.day(this.day) : '' ]),
			E('div', {}, [ line || status.ports ? history.recent(this.samples, status.ports?.usable ?? null, SAMPLES, INTERVAL) : '' ]),
			E('div', {}, [ line ? this.details(conntrack) : '' ])
		];
	}

	// What a person looks for: the address, the ports in use, and whether something flows.
	numbers() {
		const { line, traffic, uptime } = this.status;
		const bytes = value => value === null || value === undefined ? '?' : '%1024.2mB'.format(value);
		const rate = value => value === null ? '–' : `${(value / 1e6).toFixed(value < 1e7 ? 2 : 0)} Mbit/s`;
		const number = (title, ...rest) => E('div', { 'class': 'mape-number' }, [ title, ...rest ]);
		const head = words => E('strong', {}, [ words ]);
		const detail = words => E('div', { 'class': 'mape-detail' }, [ words ]);

		return E('div', { 'class': 'mape-numbers' }, [
			number(_('IPv4 address'), head(draw.address(line)), detail(text.provider(line.provider)), detail(draw.share(line))),
			number(_('Ports in use'), usage.most(this.status)),
			number(_('Traffic', 'MAP-E'), head(`↓ ${rate(this.rates.rx)}  ↑ ${rate(this.rates.tx)}`),
				detail(`↓ ${bytes(traffic?.rx_bytes)}  ↑ ${bytes(traffic?.tx_bytes)}`),
				detail(Number.isFinite(uptime) ? _('for %s').replace('%s', () => text.duration(uptime)) : ''))
		]);
	}

	details(conntrack) {
		const { line, block, mtu, edge, device, since, before, flow_offload: offload, dropped, traffic } = this.status;
		const psid = model.psid(line);

		return E('details', { 'class': 'mape-technical' }, [
			E('summary', {}, [ _('Technical details') ]),
			draw.table([
				[ _('Provider'), `${text.provider(line.provider)} (${text.source(line.rule_source)})` ],
				...block ? [ [ _('Address for NAT'), block.nat ], [ _('Addresses routed to devices'), routed(block) ] ] : [],
				[ _('Border relay (BR)'), line.br ],
				[ _('Local tunnel address (CE)'), line.ce ],
				[ _('Delegated IPv6 prefix'), line.end_user_prefix ],
				[ _('PSID'), psid ?? _('none', 'MAP-E') ],
				[ _('Same numbers since'), Number.isFinite(since) ? new Date(since * 1000).toLocaleDateString(document.documentElement.lang || 'en') : null ],
				...before?.ipv4 ? [ [ _('Address before'), before.psid === undefined ? before.ipv4 : `${before.ipv4}, PSID ${before.psid}` ] ] : [],
				[ _('Tunnel device'), device ],
				[ _('MTU'), mtu ],
				[ _('NAT method'), edge ? text.edge(edge) : null ],
				[ _('Flow offloading'), text.offload(offload) ],
				[ _('Packets', 'MAP-E'), traffic ? `${traffic.rx_packets ?? '?'} ↓, ${traffic.tx_packets ?? '?'} ↑` : null ],
				[ _('Packets dropped by the rules'), dropped ? `${dropped.incoming + dropped.outer} ↓, ${dropped.outgoing} ↑` : null ],
				[ _('Connections refused by the NAT table (whole router)'), conntrack?.insert_failed ?? null ],
				[ _('Connections refused as their table was full (whole router)'), conntrack?.drop ?? null ],
				[ _('Old connections ended to make room (whole router)'), conntrack?.early_drop ?? null ]
			])
		]);
	}

	warnings(conntrack) {
		const status = this.status;
		const nodes = [];

		if (status.error)
			nodes.push(draw.error(status.error, diagnosis()));
		else if (status.state === 'pending' || status.state === 'down')
			nodes.push(draw.notice(status.state === 'down'
				? _('The interface is stopped. Start it with the button below.')
				: _('Setting up the connection. This normally takes less than a minute.'), diagnosis()));

		if (status.warning)
			nodes.push(draw.error(status.warning, diagnosis()));

		if (status.state === 'shut')
			nodes.push(draw.problem(_('The tunnel is up, but the firewall rules are not loaded, so no IPv4 traffic passes.'), null, null,
				button(_('Load rules'), this.page.mayWrite, ui.createHandlerFn(this, 'loadRules'))));

		for (const total of model.nearlyFull(status))
			nodes.push(draw.problem(_('Over 80 % of your ports are in use (%s). New connections may fail. See below which devices open the most connections.')
				.replace('%s', draw.protocolName(total.protocol))));

		this.failures ??= conntrack?.insert_failed;
		if (model.ranOut(status, this.failures, conntrack?.insert_failed))
			nodes.push(draw.problem(_('Your ports are exhausted: new connections are failing. See below which devices open the most connections.')));

		if (status.unknown?.length)
			nodes.push(draw.problem(_('Some counters are unavailable. Reinstall the package mape-rs if this persists.'), status.unknown));

		return nodes;
	}

	// The ports in use of a block, or of all.
	showPorts(block) {
		return api.ports(this.name).then(answer => {
			const list = answer.interfaces?.find(it => it.interface === this.name)?.ports ?? [];
			const shown = list.filter(it => !block || (it.port >= block.first && it.port <= block.last));
			const title = block ? _('Ports in use, %s').replace('%s', `${block.first}–${block.last}`) : _('Ports in use');
			const names = address => this.page.hostName(address);

			ui.showModal([ title ], [
				answer.error ? draw.error(answer.error) : shown.length ? E('div', { 'class': 'mape-scroll' }, [
					usage.devices(shown, this.status, names), usage.ports(shown, this.status, names)
				]) : E('p', {}, [ _('No port is in use.') ]),
				E('div', { 'class': 'right' }, [ E('button', { 'class': 'btn', 'click': ui.hideModal }, [ _('Close') ]) ])
			]);
		}, error => {
			ui.addNotification(null, draw.failed(error));
		});
	}

	retry() {
		return this.then(api.retry(this.name));
	}

	loadRules() {
		return this.then(api.loadRules());
	}

	then(call) {
		return draw.done(call).then(() => this.refresh());
	}
}

return view.extend({
	load() {
		return Promise.all([
			uci.load('network'),
			L.resolveDefault(api.knowsProtocol(), null),
			L.resolveDefault(network.getHostHints(), null)
		]);
	},

	render([ , known, hints ]) {
		this.mayWrite = L.hasViewPermission() === true;
		this.hints = hints;

		const lines = sections.names().map(name => new Line(name, this));
		const disabled = sections.names({ disabled: true });
		const parts = [
			draw.stylesheet(),
			E('h2', {}, [ 'MAP-E' ]),
			E('div', { 'class': 'cbi-map-descr' }, [ _('Your IPv4 connection over IPv6 (IPoE): current state, assigned ports and port usage.') ])
		];

		this.known = known;
		if (known === false && lines.length)
			parts.push(restart.node(this.mayWrite));

		if (!this.mayWrite)
			parts.push(E('p', { 'class': 'mape-detail' }, [ _('Read-only access: you can view this page but not make changes.') ]));

		if (lines.length && known !== false) {
			parts.push(...lines.length > 1 ? [ tabs.node(lines) ] : lines.map(line => line.node));
			poll.add(() => Promise.all(lines.map(line => line.refresh())));
		}
		else if (!lines.length && !disabled.length) {
			parts.push(this.emptyNode());
		}

		parts.push(...disabled.map(name => E('div', { 'class': 'cbi-section', 'data-interface': name }, [
			E('h3', {}, [ name ]),
			E('p', {}, [ _('This interface is disabled. Enable it under Network → Interfaces.') ])
		])));

		return E('div', { 'class': 'cbi-map mape-page' }, [ ...parts ]);
	},

	hostName(address) {
		return this.hints?.getHostnameByIPAddr?.(address) ?? null;
	},

	// Where the line is known, one button sets it up; the names and options are shown before.
	emptyNode() {
		const answer = E('div', { 'aria-live': 'polite' }, [ E('em', { 'class': 'spinning' }, [ _('Detecting your connection…') ]) ]);
		const setUp = button(_('Set up MAP-E'), this.mayWrite, () => this.askSetUp(), 'cbi-button-action important');

		setUp.hidden = true;
		api.detect().then(found => {
			setUp.hidden = found.line?.line !== 'map-e' || (!!found.plan?.error && model.ruleFrom(found) !== 'dhcpv6');

			return draw.line(found);
		}, error => draw.failed(error)).then(node => dom.content(answer, node));

		return E('div', { 'class': 'cbi-section' }, [
			E('h3', {}, [ _('MAP-E is not set up yet.') ]),
			answer,
			E('div', { 'class': 'mape-buttons' }, [ setUp ]),
			E('p', { 'class': 'mape-detail' }, [
				_('To do it yourself, add an interface under Network, Interfaces: name wan4, protocol “MAP-E (Japan)”.'), ' ',
				E('a', { 'href': L.url('admin/network/network') }, [ _('Open Network → Interfaces') ])
			])
		]);
	},

	// What is written, before it is written.
	askSetUp() {
		const name = NAMES.find(it => !uci.get('network', it)) ?? NAMES[0];

		ui.showModal([ _('Set up MAP-E') ], [
			E('p', {}, [ _('This is added to the configuration of the network; the tunnel joins the firewall zone of the IPv6 interface by itself. To undo it, delete the interface under Network, Interfaces.') ]),
			E('pre', {}, [ `config interface '${name}'\n\toption proto 'mape'` ]),
			this.known === false ? E('p', {}, [ _('The network service is restarted once, so that it learns the MAP-E protocol. All connections drop for a few seconds.') ]) : '',
			E('div', { 'class': 'right' }, [
				E('button', { 'class': 'btn', 'click': ui.hideModal }, [ _('Cancel') ]), ' ',
				E('button', { 'class': 'btn cbi-button-action important', 'click': ui.createHandlerFn(this, () => this.setUp(name)) }, [ _('Write and apply') ])
			])
		]);
	},

	setUp(name) {
		uci.add('network', 'interface', name);
		uci.set('network', name, 'proto', 'mape');

		// A protocol that the network service does not know yet is not applied.
		return uci.save().then(() => this.known !== false || restart.now()).then(is => ui.changes.init().then(() => {
			ui.hideModal();

			return is ? ui.changes.apply(true) : null;
		})).catch(error => {
			ui.hideModal();
			ui.addNotification(null, draw.failed(error));
		});
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
