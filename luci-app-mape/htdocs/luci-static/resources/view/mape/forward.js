'use strict';
'require view';
'require dom';
'require form';
'require network';
'require poll';
'require ui';
'require uci';
'require mape.api as api';
'require mape.draw as draw';
'require mape.forward as forwards';
'require mape.model as model';
'require mape.patch as patch';
'require mape.section as sections';
'require mape.text as text';

const KIND = 'mape_forward';

// Seconds between two requests for the states of the forwards.
const PAUSE = 10;

// How long typing rests before the program is asked, in milliseconds.
const REST = 300;

const PROTOCOLS = { 'tcp udp': 'TCP + UDP', tcp: 'TCP', udp: 'UDP' };

// The program stores a port under its section's name. The name must therefore not change, and must
// not be that of a removed section.
function freshName() {
	return `mape_${Date.now().toString(36)}`;
}

function option(section_id, name) {
	const value = uci.get('firewall', section_id, name);

	return value === undefined ? null : value;
}

return view.extend({
	load() {
		return Promise.all([
			api.forwards().catch(error => ({ failed: error })),
			api.portSet().catch(() => null),
			L.resolveDefault(network.getHostHints(), null),
			uci.load([ 'network', 'firewall' ])
		]);
	},

	render([ answer, set, hints ]) {
		const mayWrite = L.hasViewPermission() === true;
		const lines = sections.names();
		const map = new form.Map('firewall');

		this.answer = answer;
		this.verdict = draw.answer();
		this.verdict.node.setAttribute('role', 'alert');
		this.cells = {};
		this.message = E('div', { 'aria-live': 'polite' });
		this.waiting = E('div', { 'aria-live': 'polite' });
		this.hints = hints;

		const section = map.section(form.GridSection, KIND, _('Open ports'));
		const page = this;

		section.addremove = mayWrite;
		section.anonymous = true;
		section.sortable = false;
		section.nodescriptions = true;
		section.modaltitle = _('Open a port');
		section.handleAdd = function(ev) {
			page.added = freshName();

			return form.GridSection.prototype.handleAdd.apply(this, [ ev, page.added ]);
		};
		// An empty field is refused when the form is saved, and not when it has just
		// been opened.
		section.handleModalSave = function(...args) {
			const [ dialogue ] = args;
			const save = form.GridSection.prototype.handleModalSave;

			page.isSaving = true;
			for (const { section: section_id, children } of dialogue.children)
				children.forEach(option => option.triggerValidation(section_id));

			return Promise.resolve(save.apply(this, args)).finally(() => {
				page.isSaving = false;
			});
		};
		// The button stands above the list, in sight on a phone too.
		section.renderSectionAdd = () => E('div');
		section.renderSectionPlaceholder = () => E('em', {}, [ _('No port is open yet.') ]);
		if (!mayWrite)
			section.renderRowActions = () => E('td', { 'class': 'td' });

		this.renderOptions(section, lines);
		poll.add(() => this.refresh(), PAUSE);

		return map.render().then(node => {
			this.showFailure();

			return E('div', { 'class': 'mape-page' }, [
				draw.stylesheet(),
				E('h2', {}, [ _('Open a port') ]),
				E('div', { 'class': 'cbi-map-descr' }, [ _('Make a server on your LAN reachable from the Internet. Your IPv4 address is shared with other customers, so only the ports assigned to you can be opened.') ]),
				mayWrite ? '' : E('p', { 'class': 'mape-detail' }, [ _('Read-only access: you can view this page but not make changes.') ]),
				lines.length ? '' : draw.problem(_('No MAP-E interface is active, so no port is open. Set one up on the page Status, or enable it under Network → Interfaces.'), null, null,
					draw.link(_('Set up MAP-E'), 'admin/status/mape/status')),
				this.message,
				...[].concat(set?.interfaces ?? []).map(line => this.setNode(line, lines.length > 1)),
				mayWrite ? E('div', { 'class': 'mape-buttons' }, [
					E('button', { 'class': 'btn cbi-button-add cbi-button-action important', 'click': ui.createHandlerFn(section, 'handleAdd') }, [ _('Open a port') ])
				]) : '',
				node,
				this.waiting,
				E('p', { 'class': 'mape-detail' }, [
					_('Port forwards created under Network → Firewall only work for ports assigned to you. Diagnostics lists the ones that do not.'), ' ',
					E('a', { 'href': L.url('admin/status/mape/doctor') }, [ _('Open diagnostics') ])
				])
			]);
		});
	},

	// Which ports are ours, of a line.
	setNode(line, isNamed) {
		const ports = [].concat(line.ranges ?? []).map(range => [].concat(range).slice(0, 2));

		return E('p', { 'class': 'mape-set' }, [
			E('strong', {}, [ isNamed ? `${_('Your ports')}, ${line.interface} (${model.size(ports)})` : `${_('Your ports')} (${model.size(ports)})` ]), ' ',
			draw.ranges(ports)
		]);
	},

	// A device by its name, where one is known.
	device(address) {
		const name = address ? this.hints?.getHostnameByIPAddr?.(address) : null;

		return name ? `${name} (${address})` : address;
	},

	// Addresses of the hosts that LuCI knows: each once, without those of this router.
	devices() {
		const { hints } = this;
		const known = [].concat(hints?.getMACHints?.() ?? []).map(([ mac ]) => hints.getIPAddrByMACAddr(mac));
		const own = uci.sections('network', 'interface').flatMap(({ ipaddr }) => [].concat(ipaddr ?? [])).map(address => address.split('/')[0]);

		return [ ...new Set(known) ].filter(address => address && !own.includes(address));
	},

	renderOptions(s, lines) {
		// LuCI copies the properties of an option to the dialogue's option, so inside them
		// `this` is the option that is shown.
		const page = this;

		// A name that DHCP knows stands in an option of its own.
		const host = s.option(form.Value, 'dest_ip', _('Device', 'MAP-E forward'), _('LAN address, or a host name or MAC address with a DHCP lease.'));

		host.optional = true;
		host.placeholder = _('Choose a device, or enter its address');
		for (const address of this.devices())
			host.value(address, E('span', {}, [ this.device(address) ]));
		host.cfgvalue = section_id => option(section_id, 'dest_ip') ?? option(section_id, 'dest_host');
		host.textvalue = section_id => draw.known(page.device(option(section_id, 'dest_ip')) ?? option(section_id, 'dest_host'));
		host.validate = (section_id, value) => (value ? forwards.hostOption(value) !== null : !page.isSaving)
			|| _('Enter an address such as 192.168.1.10, or a host name.');
		host.write = (section_id, value) => {
			const chosen = forwards.hostOption(value) ?? 'dest_ip';
			const other = chosen === 'dest_ip' ? 'dest_host' : 'dest_ip';

			if (option(section_id, other) !== null)
				uci.unset('firewall', section_id, other);
			uci.set('firewall', section_id, chosen, value);
		};

		const inside = s.option(form.Value, 'dest_port', _('Internal port'), _('Port your server listens on, or a range such as 9792-9799.'));

		inside.datatype = 'portrange';
		inside.optional = true;
		inside.validate = (section_id, value) => !!value || !page.isSaving || _('Enter the port of the server.');
		// Without one it is the port outside.
		inside.cfgvalue = section_id => option(section_id, 'dest_port') ?? option(section_id, 'src_dport');
		inside.textvalue = section_id => draw.known(option(section_id, 'dest_port') ?? option(section_id, 'src_dport'));

		const proto = s.option(form.ListValue, 'proto', _('Protocol'), _('Web servers and NAS use TCP; many games use UDP.'));

		for (const [ value, title ] of Object.entries(PROTOCOLS))
			proto.value(value, title);
		// A section without the option has both. A new one gets what most servers need, and
		// LuCI writes a default only where it may not be empty.
		proto.default = 'tcp';
		proto.rmempty = false;
		proto.cfgvalue = section_id => {
			const value = option(section_id, 'proto');

			return value === null && section_id === this.added ? null : forwards.protocols(value).join(' ');
		};
		proto.textvalue = section_id => draw.known(PROTOCOLS[forwards.protocols(option(section_id, 'proto')).join(' ')]);

		const outside = s.option(form.Value, 'src_dport', _('External port'), _('Automatic: same as the internal port if it is assigned to you, otherwise a free port that does not change.'));

		outside.value('auto', _('Automatic'));
		outside.default = 'auto';
		outside.rmempty = false;
		outside.textvalue = section_id => {
			const port = option(section_id, 'src_dport') ?? 'auto';

			return draw.known(port === 'auto' ? _('Automatic') : port);
		};
		outside.validate = function(section_id, value) {
			const typed = option_ => this.section.formvalue(section_id, option_) ?? option(section_id, option_);
			const request = [
				typed('dest_ip'), typed('dest_port'), value || 'auto', forwards.protocols(typed('proto')).join(','), typed('interface'), section_id
			].map(word => String(word ?? ''));

			return page.allowed(request, this, section_id);
		};

		const verdict = s.option(form.DummyValue, '_verdict', ' ');

		verdict.modalonly = true;
		verdict.cfgvalue = () => null;
		verdict.renderWidget = () => this.verdict.node;

		if (lines.length > 1) {
			const line = s.option(form.ListValue, 'interface', _('Interface'));

			for (const it of lines)
				line.value(it, it);
			// With several, a forward that names none is published by none.
			line.rmempty = false;
			line.textvalue = section_id => draw.known(option(section_id, 'interface') ?? _('none', 'MAP-E'));
		}

		const name = s.option(form.Value, 'name', _('Name'));

		name.optional = true;
		name.placeholder = 'minecraft';
		name.textvalue = section_id => draw.known(option(section_id, 'name') ?? '');

		const state = s.option(form.DummyValue, '_state', _('State', 'MAP-E forward'));

		state.modalonly = false;
		state.textvalue = section_id => {
			page.cells[section_id] = E('div', { 'class': 'mape-forward', 'data-forward': section_id });
			page.fill(section_id);

			return page.cells[section_id];
		};

		const enabled = s.option(form.Flag, 'enabled', _('Enabled'));

		enabled.default = enabled.enabled;
		enabled.editable = true;
		// In the list LuCI gives it no label.
		enabled.renderWidget = function(...words) {
			const node = form.Flag.prototype.renderWidget.apply(this, words);

			node.querySelector?.('input[type="checkbox"]')?.setAttribute('aria-label', _('Enabled'));

			return node;
		};
	},

	// Whether the program takes a forward; true until it has answered. Then `field` is judged
	// again.
	allowed(request, field, section_id) {
		const key = request.join(' ');

		if (this.asked !== key) {
			this.asked = key;
			this.refused = false;
			window.clearTimeout(this.timer);
			if (request[0] && request[1])
				this.timer = window.setTimeout(() => this.ask(request, field, section_id), REST);
		}

		return !this.refused || _('This forward is not possible; see below.');
	},

	ask(request, field, section_id) {
		const input = () => field.getUIElement(section_id);

		return this.verdict.fill(api.tryForward(...request), answer => {
			// LuCI has no fields of a dialogue that was closed meanwhile.
			if (this.asked !== request.join(' ') || !this.verdict.node.isConnected)
				return '';

			const { error } = answer;
			const port = forwards.outside(answer.forwards?.[0]);

			this.refused = !!error?.params?.option;
			input()?.triggerValidation();

			if (!error)
				return port ? E('span', {}, [ _('External port: %s').replace('%s', () => port) ]) : '';

			if (!this.refused)
				return draw.error(error);

			const free = String(error.params.nearest ?? '').split(' ').filter(word => word);

			return E('div', {}, [
				E('p', {}, [ text.explain(error) ]),
				E('div', { 'class': 'mape-buttons' }, free.map(it => E('button', {
					'class': 'btn',
					'click': ev => {
						ev.preventDefault();
						input()?.setValue(it);
						input()?.triggerValidation();
					}
				}, [ it ])))
			]);
		});
	},

	refresh() {
		return api.forwards().then(answer => {
			this.answer = answer;
		}, error => {
			this.answer = { failed: error };
		}).then(() => {
			this.showFailure();
			Object.keys(this.cells).forEach(section_id => this.fill(section_id));
		});
	},

	showFailure() {
		const { failed } = this.answer;

		dom.content(this.message, failed ? draw.failed(failed) : draw.trouble(this.answer));
	},

	// What the program says of one.
	stateOf(section_id) {
		const section = uci.sections('firewall', KIND).find(it => it['.name'] === section_id);
		const known = !this.answer.failed && !this.answer.error;

		return known ? forwards.state(section, this.answer.forwards) : { state: null, forward: null };
	},

	// A saved forward does nothing until it is applied, which is one press.
	showWaiting() {
		const isWaiting = uci.sections('firewall', KIND).some(section => this.stateOf(section['.name']).state === 'changed');

		patch.patch(this.waiting, E('div', { 'aria-live': 'polite' }, [ isWaiting && L.hasViewPermission()
			? draw.notice(_('The new port is saved, but not open yet.'),
				E('button', { 'class': 'btn cbi-button-action important', 'click': ui.createHandlerFn(this, ev => this.handleSaveApply(ev, '0')) }, [ _('Open it now') ]))
			: '' ]));
	},

	fill(section_id) {
		const { state, forward } = this.stateOf(section_id);
		const where = forward?.ipv4 && forward.port ? `${forward.ipv4}:${forwards.outside(forward)}` : null;
		const nodes = [ draw.badge(text.forwardTone(state), text.forward(state)) ];

		if (where)
			nodes.push(' ', E('span', { 'class': 'mape-where' }, [ where ]));
		if (state === 'published')
			nodes.push(E('p', { 'class': 'mape-detail' }, [ _('Others connect to this address and port.') ]));
		if (forward?.before)
			nodes.push(E('p', { 'class': 'mape-detail' }, [ _('was %s').replace('%s', () => forward.before) ]));
		if (forward?.code)
			nodes.push(E('p', { 'class': 'mape-detail' }, [ text.refusal(forward.code, forward.params) ]));
		if (forward?.reason)
			nodes.push(draw.details(forward.reason, forward.hint && `→ ${forward.hint}`));

		// A selected address and unfolded details last through a poll.
		patch.patch(this.cells[section_id], E('div', { 'class': 'mape-forward', 'data-forward': section_id }, [ ...nodes ]));
		this.showWaiting();
	}
});
