'use strict';
'require view';
'require dom';
'require network';
'require poll';
'require ui';
'require uci';
'require mape.api as api';
'require mape.draw as draw';
'require mape.model as model';
'require mape.restart as restart';
'require mape.section as sections';
'require mape.text as text';

// Samples that the chart shows.
const SAMPLES = 60;

function now() {
	return Math.floor(Date.now() / 1000);
}

function button(label, allowed, click, style) {
	return E('button', {
		'class': `btn ${style ?? 'cbi-button-action'}`,
		'disabled': allowed ? null : '',
		'title': allowed ? null : _('You have no permission to change anything here.'),
		'click': click
	}, [ label ]);
}

// One interface: a frame with buttons, which stays, and a body that is drawn again at each answer.
class Line {
	constructor(name, page) {
		this.name = name;
		this.page = page;
		this.status = null;
		this.samples = [];
		// Those of the router when the page was opened.
		this.failures = null;
		this.body = E('div', {}, [ E('em', { 'class': 'spinning' }, [ _('Asking the router…') ]) ]);
		this.again = button(_('Try again now'), page.mayWrite, ui.createHandlerFn(this, 'retry'));
		// Without a port set there is nothing to copy, and the ports in use are unknown.
		this.copy = button(_('Copy ports as text'), true, () => draw.showText(_('Ports of this line'), model.setText(this.status)));
		this.used = button(_('Show ports in use'), true, ui.createHandlerFn(this, 'showPorts', null));
		for (const it of [ this.copy, this.used, this.again ])
			it.hidden = true;
		this.node = E('div', { 'class': 'cbi-section', 'data-interface': name }, [
			E('h3', {}, [ name ]),
			this.body,
			E('div', { 'class': 'mape-buttons' }, [ this.copy, this.used, this.again ])
		]);
	}

	refresh() {
		return api.status(this.name).then(report => {
			const status = report.interfaces?.find(it => it.interface === this.name);

			if (!status)
				return dom.content(this.body, draw.error(report.error ?? { code: 'MAPE_NO_INTERFACE' }));

			this.status = status;
			this.again.hidden = status.state === 'up' || status.state === 'shut';
			this.copy.hidden = !status.line;
			this.used.hidden = !status.line && !status.ports;
			this.samples = model.remember(this.samples, status, SAMPLES);
			dom.content(this.body, this.draw(report.conntrack));
		}, error => {
			dom.content(this.body, draw.failed(error));
		});
	}

	draw(conntrack) {
		const status = this.status;
		const line = status.line;
		const traffic = status.traffic ?? {};
		const bytes = value => value === null || value === undefined ? null : '%1024.2mB'.format(value);
		const parts = [
			E('p', {}, [
				E('strong', {}, [ text.state(status.state) ]),
				line ? `: ${draw.owner(line)}` : ''
			]),
			draw.chain(status, now()),
			...this.warnings(conntrack)
		];

		if (line)
			parts.push(draw.table([
				[ _('Provider'), `${text.provider(line.provider)} (${text.source(line.rule_source)})` ],
				[ _('IPv4 address'), line.ipv4_prefix_len === 32 ? line.ipv4 : `${line.ipv4}/${line.ipv4_prefix_len}` ],
				[ _('Border relay (BR)'), line.br ],
				[ _('Own end of the tunnel (CE)'), line.ce ],
				[ _('IPv6 prefix of the line'), line.end_user_prefix ],
				[ _('Received'), bytes(traffic.rx_bytes) ],
				[ _('Sent'), bytes(traffic.tx_bytes) ],
				[ _('MTU'), status.mtu ],
				[ _('Port translation'), status.edge ? text.edge(status.edge) : null ],
				[ _('Insert failures (whole router)'), conntrack?.insert_failed ?? null ],
				[ _('Hosts with the most connections'), draw.hosts(status, address => this.page.hostName(address)) ]
			]));

		if (line || status.ports)
			parts.push(
				E('h4', {}, [ _('Ports') ]),
				draw.totals(status),
				draw.chart(this.samples, status.ports?.usable ?? null, SAMPLES),
				draw.grid(status, block => this.showPorts(block)),
				draw.legend()
			);

		if (status.ports?.peak)
			parts.push(E('p', { 'class': 'mape-detail' }, [
				_('Most seen while a page or command read the status, in the last %s.').replace('%s', '%t'.format(status.ports.peak.recorded_for))
			]));

		return E('div', {}, [ ...parts ]);
	}

	warnings(conntrack) {
		const status = this.status;
		const nodes = [];

		if (status.error)
			nodes.push(draw.error(status.error));
		else if (status.state === 'pending' || status.state === 'down')
			nodes.push(draw.problem(status.state === 'down'
				? _('The interface is stopped. Start it with the button below.')
				: _('The interface is being set up. Wait a moment; if it stays, see the diagnosis.')));

		if (status.warning)
			nodes.push(draw.error(status.warning));

		if (status.state === 'shut')
			nodes.push(draw.problem(_('The interface is up, but its rules are not loaded, so nothing passes. Load them.'), null, null,
				button(_('Load the rules'), this.page.mayWrite, ui.createHandlerFn(this, 'loadRules'))));

		for (const total of model.nearlyFull(status))
			nodes.push(draw.problem(_('%s uses more than 80 % of the ports. New connections to the same server may fail; see which hosts have the most connections.')
				.replace('%s', draw.protocolName(total.protocol))));

		this.failures ??= conntrack?.insert_failed;
		if (model.ranOut(status, this.failures, conntrack?.insert_failed))
			nodes.push(draw.problem(_('New connections fail while most ports are in use, so probably no port is free for them. See which hosts have the most connections.')));

		if (status.unknown?.length)
			nodes.push(draw.problem(_('Some numbers cannot be read and are shown as unknown. See that the package mape-rs is complete.'), status.unknown.join('; ')));

		return nodes;
	}

	// The ports in use of a block, or of all.
	showPorts(block) {
		return api.ports(this.name).then(answer => {
			const list = answer.interfaces?.find(it => it.interface === this.name)?.ports ?? [];
			const shown = list.filter(it => !block || (it.port >= block.first && it.port <= block.last));
			const title = block ? _('Ports in use, %s').replace('%s', `${block.first}–${block.last}`) : _('Ports in use');
			const cell = (value, name) => E('td', { 'class': 'td left', 'data-title': name }, [ draw.known(value) ]);
			const heads = [ _('Port'), 'TCP', 'UDP', 'ICMP', _('Use') ];

			ui.showModal([ title ], [
				answer.error ? draw.error(answer.error) : shown.length ? E('div', { 'class': 'mape-scroll' }, [
					E('table', { 'class': 'table' }, [
						E('tr', { 'class': 'tr table-titles' }, heads.map(head => E('th', { 'class': 'th left' }, [ head ]))),
						...shown.map(it => E('tr', { 'class': 'tr' }, [
							cell(it.port, heads[0]), cell(it.tcp, heads[1]), cell(it.udp, heads[2]), cell(it.icmp, heads[3]), cell(text.role(it.role), heads[4])
						]))
					])
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
			E('div', { 'class': 'cbi-map-descr' }, [ _('IPv4 over the IPv6 line: how it stands, and which ports are yours.') ])
		];

		if (known === false)
			parts.push(restart.node(this.mayWrite));

		if (!this.mayWrite)
			parts.push(E('p', { 'class': 'mape-detail' }, [ _('You can look at everything here, but not change it.') ]));

		if (lines.length && known !== false) {
			parts.push(...lines.map(line => line.node));
			poll.add(() => Promise.all(lines.map(line => line.refresh())));
		}
		else if (!lines.length && !disabled.length) {
			parts.push(this.emptyNode());
		}

		parts.push(...disabled.map(name => E('div', { 'class': 'cbi-section', 'data-interface': name }, [
			E('h3', {}, [ name ]),
			E('p', {}, [ _('This interface is disabled. It can be enabled in its settings under Network, Interfaces.') ])
		])));

		return E('div', { 'class': 'cbi-map mape-page' }, [ ...parts ]);
	},

	hostName(address) {
		return this.hints?.getHostnameByIPAddr?.(address) ?? null;
	},

	emptyNode() {
		const answer = E('div', { 'aria-live': 'polite' }, [ E('em', { 'class': 'spinning' }, [ _('Looking at the line…') ]) ]);

		api.detect().then(draw.line.bind(draw), draw.failed.bind(draw)).then(node => dom.content(answer, node));

		return E('div', { 'class': 'cbi-section' }, [
			E('p', {}, [ _('There is no MAP-E interface yet. Add one under Network, Interfaces: name it wan4 and choose the protocol MAP-E (Japan); nothing else has to be typed.') ]),
			answer,
			E('div', { 'class': 'mape-buttons' }, [
				E('a', { 'class': 'btn cbi-button-action', 'href': L.url('admin/network/network') }, [ _('Go to the interfaces') ])
			])
		]);
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
