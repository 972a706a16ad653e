'use strict';
'require view';
'require dom';
'require firewall';
'require ui';
'require uci';
'require mape.api as api';
'require mape.draw as draw';
'require mape.restart as restart';
'require mape.section as sections';
'require mape.text as text';

const TARGET = '1.1.1.1:443';

// The page on which a problem is mended, by its kind or by its check, unless a button mends it.
const NETWORK = [ 'admin/network/network', _('Open Network → Interfaces') ];
const FIREWALL = [ 'admin/network/firewall', _('Go to the firewall') ];
const FORWARDS = [ 'admin/status/mape/forward', _('Open a port') ];
const DHCP = [ 'admin/network/dhcp', _('Go to DHCP and DNS') ];
const SET_UP = [ 'admin/status/mape/status', _('Set up MAP-E') ];
const LOG = [ 'admin/status/logs', _('Go to the system log') ];

const PLACES = {
	uplink: NETWORK, contract: NETWORK, duid: NETWORK, mtu: NETWORK, lan_ipv6: NETWORK, interface: NETWORK, provisioning: NETWORK,
	default_route: NETWORK, flow_offload: NETWORK, answers: NETWORK, packet_size: NETWORK, target: NETWORK,
	firewall: FIREWALL, zone: FIREWALL, servers: FORWARDS, dns: DHCP, no_mape_interface: SET_UP,
	redirect_hidden: FIREWALL, redirect_outside: FIREWALL, redirect_unreserved: FIREWALL, redirect_upnp: FIREWALL,
	includes: FIREWALL, includes_missing: FIREWALL, config: FIREWALL, upnp: NETWORK
};

return view.extend({
	load() {
		return Promise.all([
			L.resolveDefault(api.knowsProtocol(), null),
			uci.load([ 'network', 'firewall' ]).catch(() => uci.load('network'))
		]);
	},

	render([ known ]) {
		const names = sections.names();

		this.mayWrite = L.hasViewPermission() === true;

		if (known === false)
			return E('div', { 'class': 'cbi-map mape-page' }, [ draw.stylesheet(), E('h2', {}, [ _('MAP-E diagnostics') ]), restart.node(this.mayWrite) ]);

		this.name = names[0] ?? '';
		this.list = draw.answer();
		this.contract = draw.answer();
		this.probed = draw.answer();

		const target = E('input', { 'class': 'cbi-input-text', 'type': 'text', 'value': TARGET, 'aria-label': _('Address and port') });
		const choice = E('select', {
			'class': 'cbi-input-select',
			'aria-label': _('Interface'),
			'change': ev => {
				this.name = ev.target.value;
				this.examine();
			}
		}, names.map(name => E('option', { 'value': name }, [ name ])));

		this.examine();

		return E('div', { 'class': 'cbi-map mape-page' }, [
			draw.stylesheet(),
			E('h2', {}, [ _('MAP-E diagnostics') ]),
			E('div', { 'class': 'cbi-map-descr' }, [ _('Checks every step between your provider and your LAN. These checks send no traffic; the connection tests at the bottom do.') ]),
			this.mayWrite ? '' : E('p', { 'class': 'mape-detail' }, [ _('Read-only access: you can view this page but not make changes.') ]),
			E('div', { 'class': 'cbi-section' }, [
				names.length > 1 ? E('div', { 'class': 'mape-buttons' }, [ choice ]) : '',
				this.list.node,
				E('div', { 'class': 'mape-buttons' }, [
					E('button', { 'class': 'btn cbi-button-action', 'click': ui.createHandlerFn(this, 'examine') }, [ _('Run again') ]),
					E('button', { 'class': 'btn cbi-button-action', 'click': ui.createHandlerFn(this, 'report') }, [ _('Copy report') ])
				]),
				E('p', { 'class': 'mape-detail' }, [ _('Addresses that identify your connection are masked in the report.') ])
			]),
			E('div', { 'class': 'cbi-section' }, [
				E('h3', {}, [ _('Connection tests') ]),
				E('p', {}, [ _('Opens one TCP connection to the address below. (Ping is not a reliable test over MAP-E.)') ]),
				E('div', { 'class': 'mape-buttons' }, [
					target,
					this.changing(_('Test', 'MAP-E check'), () => this.probe(target.value.trim()))
				]),
				this.probed.node,
				E('p', {}, [ _('Queries the provider\'s provisioning server and the NTT home gateway about the connection type.') ]),
				E('div', { 'class': 'mape-buttons' }, [ this.changing(_('Query the provider and home gateway'), () => this.ask()) ]),
				this.contract.node
			])
		]);
	},

	changing(label, click) {
		return E('button', {
			'class': 'btn cbi-button-action',
			'disabled': this.mayWrite ? null : '',
			'title': this.mayWrite ? null : _('Your account may not change these settings.'),
			'click': ui.createHandlerFn(this, click)
		}, [ label ]);
	},

	examine() {
		return this.show(api.doctor(this.name));
	},

	probe(target) {
		if (!(/^[0-9]{1,3}(\.[0-9]{1,3}){3}:[0-9]{1,5}$/).test(target)) {
			ui.addNotification(null, E('p', {}, [ _('Write an IPv4 address and a port, like 1.1.1.1:443.') ]));

			return Promise.resolve();
		}

		dom.content(this.probed.node, E('em', { 'class': 'spinning' }, [ _('Running checks…') ]));

		return this.probed.fill(api.probe(this.name, target), report => {
			if (report.error)
				return draw.error(report.error);

			this.show(Promise.resolve(report));

			return this.result(report, target);
		});
	},

	// What came of a connection, beside the button; all checks stand above.
	result(report, target) {
		const tested = (report.checks ?? []).filter(({ check }) => check === 'target' || check === 'packet_size');
		const bad = tested.filter(({ fine }) => !fine);

		const node = !tested.length ? draw.badge('warn', _('Not tested: fix the problems above first.'))
			: bad.length ? this.items(bad)
				: draw.badge('ok', _('%s answers over IPv4.').replace('%s', () => target));

		return E('div', { 'class': 'mape-result' }, [ node ]);
	},

	ask() {
		return this.contract.fill(api.ask(), answer => draw.line(answer));
	},

	report() {
		return api.report(this.name).then(
			answer => draw.showText(_('Report', 'MAP-E check'), answer.text),
			error => ui.addNotification(null, draw.failed(error)));
	},

	show(call) {
		dom.content(this.list.node, E('em', { 'class': 'spinning' }, [ _('Running checks…') ]));

		return this.list.fill(call, report => report.error ? draw.error(report.error) : this.checks(report));
	},

	items(checks) {
		return E('ul', { 'class': 'mape-checks' }, checks.map(check => this.check(check)));
	},

	// Problems first, then advice; what is well is folded.
	checks(report) {
		const all = report.checks ?? [];
		const problems = all.filter(({ fine }) => !fine);
		const advice = all.filter(({ fine, hint }) => fine && hint);
		const well = all.filter(({ fine, hint }) => fine && !hint);
		const words = _('Checks that passed: %d').replace('%d', () => String(well.length));

		return E('div', {}, [
			E('p', { 'class': 'mape-verdict' }, [
				problems.length ? draw.badge('bad', _('Problems found. Fix the first one first; the others may be caused by it.')) : draw.badge('ok', _('No problems found.'))
			]),
			this.items([ ...problems, ...advice ]),
			E('details', { 'class': 'mape-well' }, [ E('summary', {}, [ words ]), this.items(well) ])
		]);
	},

	check({ check, fine, kind, params, message, evidence, hint, fix }) {
		const { title, found, action } = text.check({ check, kind, params });
		const open = !fine || hint;
		const badge = !fine ? draw.badge('bad', _('problem', 'MAP-E check')) : hint ? draw.badge('warn', _('advice', 'MAP-E check')) : draw.badge('ok', _('fine', 'MAP-E check'));

		return E('li', { 'class': 'mape-check', 'data-check': check, 'data-fine': fine ? 'yes' : 'no' }, [
			E('p', {}, [ badge, ' ', E('strong', {}, [ title ]) ]),
			...open ? [ ...found, action ].filter(words => words).map(words => E('p', {}, [ words ])) : [],
			// Commands are the same in each language.
			params?.leftover && hint ? E('p', {}, [ E('code', {}, [ hint ]) ])
				: open ? E('div', { 'class': 'mape-buttons' }, [ this.remedy(fix ?? {}) ?? draw.link(...this.place(check, kind)) ]) : '',
			draw.details(message, hint && `→ ${hint}`, evidence ?? [])
		]);
	},

	// The label and the path of the page on which a problem is mended.
	place(check, kind) {
		const name = [ kind, check ].find(it => Object.prototype.hasOwnProperty.call(PLACES, it));
		const [ path, label ] = name ? PLACES[name] : LOG;

		return [ label, path ];
	},

	remedy(fix) {
		switch (fix.do) {
		case 'retry':
			return this.changing(_('Try again now'), () => this.afterwards(api.retry(fix.interface)));
		case 'load_rules':
			return this.changing(_('Load rules'), () => this.afterwards(api.loadRules()));
		case 'join_zone':
			return this.changing(_('Add to zone %s').replace('%s', fix.zone), () => this.joinZone(fix));
		case 'client_id':
			return this.changing(_('Set DUID-LL on wan6'), () => this.stage(() =>
				uci.set('network', fix.interface, 'clientid', fix.clientid)));
		default:
			return null;
		}
	},

	afterwards(call) {
		return draw.done(call).then(() => this.examine());
	},

	joinZone(fix) {
		return firewall.getZone(fix.zone).then(zone => {
			if (zone)
				return this.stage(() => zone.addNetwork(fix.interface));

			ui.addNotification(null, E('p', {}, [ _('There is no firewall zone of this name: %s').replace('%s', fix.zone) ]));
		});
	},

	// Changes wait for Save & Apply, as any other of LuCI's.
	stage(change) {
		return Promise.resolve(change()).then(() => uci.save()).then(() => ui.changes.init()).then(() => {
			ui.addNotification(null, E('p', {}, [ _('Change saved but not yet active. Click “Unsaved Changes” at the top right to review and apply it.') ]));
		}, error => {
			ui.addNotification(null, draw.failed(error));
		});
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
