'use strict';
'require form';
'require network';
'require uci';
'require ui';
'require dom';
'require tools.widgets as widgets';
'require mape.api as api';
'require mape.draw as draw';
'require mape.model as model';
'require mape.rule as rules';
'require mape.text as text';

// netifd calls the device mape-NAME, and a device has 15 characters. Longer names work, under a name that
// nobody recognises.
const MAX_NAME = 10;

// How long typing rests before the preview is asked for, in milliseconds.
const PAUSE = 300;

// Numbered options of OpenWrt's `map`, which the handler takes too.
const MAP_OPTIONS = [ 'ip6prefix', 'ip6prefixlen', 'ipaddr', 'ip4prefixlen', 'ealen', 'psidlen', 'offset', 'psid', 'peeraddr', 'legacymap' ];

// Providers of the built-in table.
const TABLE = [ 'v6plus', 'ocn', 'biglobe', 'nuro' ];

// Contracts whose numbers stand in the papers.
const STATIC = [ 'v6plus-static', 'ocn-static' ];

network.registerPatternVirtual(/^mape-/);

for (const code of text.errorCodes)
	network.registerErrorCode(code, text.error(code));

function ruleOf(section_id) {
	return rules.fromSection(uci.sections('network', 'interface').find(section => section['.name'] === section_id));
}

function providerOf(section_id) {
	const provider = uci.get('network', section_id, 'provider');

	if (STATIC.includes(provider))
		return provider;

	// Who states a rule has it used, whatever the provider; also one that this form cannot show.
	if ([ 'rule', 'rules_file', ...MAP_OPTIONS ].some(option => option !== 'legacymap' && uci.get('network', section_id, option)))
		return 'manual';

	return provider || 'auto';
}

// Whether there is a rule that this form cannot show: more than one, or one with a mistake.
function isUnreadable(section_id) {
	return !!uci.get('network', section_id, 'rule') && !ruleOf(section_id);
}

function removeRule(section_id, provider) {
	// Two of them are also the numbers of a contract.
	const kept = STATIC.includes(provider) ? [ 'ipaddr', 'peeraddr' ] : [];

	for (const option of [ 'rule', 'type', 'maptype', ...MAP_OPTIONS ])
		if (!kept.includes(option) && uci.get('network', section_id, option) !== null)
			uci.unset('network', section_id, option);
}

// An answer below a button; the last question wins.
function answerNode() {
	const node = E('div', { 'class': 'mape-answer', 'aria-live': 'polite' });
	let asked = 0;

	return {
		node,
		fill(promise, render) {
			const question = ++asked;

			return promise.then(render, error => draw.failed(error)).then(content => {
				if (question === asked)
					dom.content(node, content);
			});
		}
	};
}

// A zone for a new interface: without one nothing from the LAN gets through.
function suggestZone(section) {
	const zone = section.children.find(option => option.option === '_zone');

	if (!zone || typeof zone.cfgvalue !== 'function')
		return;

	const assigned = zone.cfgvalue;

	zone.cfgvalue = function(...args) {
		return Promise.resolve(assigned.apply(this, args)).then(value => value ?? 'wan');
	};
}

return network.registerProtocol('mape', {
	getI18n() {
		const summary = model.summary(this._ubus('data'));

		if (!summary)
			return text.protocol;

		const provider = text.provider(summary.provider);

		return summary.psid === null
			? `${text.protocol}: ${provider}`
			: `${text.protocol}: ${provider}, PSID ${summary.psid}`;
	},

	getIfname() {
		return this._ubus('l3_device') || `mape-${this.sid}`;
	},

	getPackageName() {
		return 'mape-rs';
	},

	isFloating() {
		return true;
	},

	isVirtual() {
		return true;
	},

	getDevices() {
		return null;
	},

	containsDevice(ifname) {
		return network.getIfnameOf(ifname) === this.getIfname();
	},

	// Packets go to the BR; the route itself has no gateway.
	getGatewayAddr() {
		const br = this._ubus('data')?.br;

		return (/^[0-9a-f:]+$/).test(br) ? br : this.super('getGatewayAddr', []);
	},

	isCreateable(name) {
		return Promise.resolve(name.length > MAX_NAME
			? _('The name of a MAP-E interface can have at most %d characters; wan4 would do.').format(MAX_NAME)
			: null);
	},

	renderFormOptions(s) {
		let o;

		// An interface is new as long as netifd has not heard of it.
		if (!this._ubus())
			suggestZone(s);

		o = s.taboption('general', form.RichListValue, 'provider', _('Provider'));

		const provider = o;

		o.value('auto', _('Automatic'), _('The IPv6 prefix of the line decides; right for almost everybody'));
		for (const name of [ ...TABLE, ...STATIC, 'manual' ])
			o.value(name, text.provider(name), text.isps(name));
		o.default = 'auto';
		o.cfgvalue = providerOf;

		this.renderDetection(s, provider);
		this.renderContract(s);
		this.renderRule(s);
		this.renderAdvanced(s);
	},

	// The numbers of a contract with an address of its own.
	renderContract(s) {
		for (const [ name, title, placeholder, datatype, description ] of [
			[ 'ipaddr', _('IPv4 address of the contract'), '203.0.113.10', 'ip4addr("nomask")' ],
			[ 'peeraddr', _('Tunnel end of the contract'), '2404:9200:225:100::65', 'ip6addr("nomask")' ],
			[ 'update_user', _('User of the update server'), '', 'string', _('The provider has to be told the address of the router; user and password are in the papers.') ],
			[ 'update_password', _('Password of the update server'), '', 'string' ],
			[ 'update_url', _('Address of the update server'), 'http://', 'string', _('Left empty: that of v6 Plus.') ]
		]) {
			const o = s.taboption('general', form.Value, name, title, description);
			const needed = name === 'ipaddr' || name === 'peeraddr';

			for (const provider of STATIC)
				o.depends('provider', provider);

			o.datatype = datatype;
			o.placeholder = placeholder;
			o.optional = !needed;
			o.rmempty = !needed;
			o.password = name === 'update_password';
			// Numbers of a rule may stand there, which the rule's own field removes.
			o.retain = needed;
		}
	},

	// What the line is, asked when the form opens and again on click. Nothing is sent for it.
	renderDetection(s, provider) {
		const o = s.taboption('general', form.DummyValue, '_detect', _('Detected line'));

		for (const name of [ 'auto', ...TABLE ])
			o.depends('provider', name);

		o.cfgvalue = () => null;

		o.renderWidget = section_id => {
			const answer = answerNode();
			const detect = ask => {
				const chosen = s.formvalue(section_id, 'provider') || providerOf(section_id);

				dom.content(answer.node, E('em', { 'class': 'spinning' }, [ _('Looking at the line…') ]));

				return answer.fill(ask().then(found => {
					if (!TABLE.includes(chosen) || !found.line?.prefix)
						return found;

					return api.plan(found.line.prefix, chosen, '', '', '').then(plan => ({ line: found.line, plan }));
				}), found => found.plan?.error && found.line?.line === 'map-e' ? draw.told(found.plan.error) : draw.line(found));
			};

			detect(api.detect);
			provider.onchange = (ev, id, value) => value === 'auto' || TABLE.includes(value) ? detect(api.detect) : null;

			return E('div', {}, [
				draw.stylesheet(),
				answer.node,
				E('div', { 'class': 'mape-buttons' }, [
					E('button', {
						'class': 'btn cbi-button-action',
						'click': ui.createHandlerFn(this, () => detect(api.detect))
					}, [ _('Detect now') ]),
					E('button', {
						'class': 'btn',
						'data-tooltip': _('Asks the server that the network names, and a home gateway in front. Needs the permission to change settings.'),
						'click': ui.createHandlerFn(this, () => detect(api.ask))
					}, [ _('Ask the network too') ])
				])
			]);
		};
	},

	// The rule by its numbers, by paste, and what it gives on this line while typing.
	renderRule(s) {
		const answer = answerNode();
		let timer = null;
		let prefix = null;

		const values = section_id => {
			const rule = {};

			for (const key of rules.keys) {
				const value = s.formvalue(section_id, `_rule_${key}`);

				if (value && value !== 'unstated')
					rule[key] = String(value).trim();
			}

			return rule;
		};

		const preview = section_id => {
			const rule = values(section_id);
			const missing = rules.missing(rule);
			const written = rules.write(rule);

			if (missing.length)
				return answer.fill(Promise.resolve(), () => E('em', {}, [
					_('Still missing: %s').replace('%s', missing.map(key => titles[key]).join(', '))
				]));

			if (!rules.isPlain(written))
				return answer.fill(Promise.resolve(), () => draw.told({ code: 'MAPE_RULE_INCONSISTENT' }));

			prefix ??= api.detect().then(found => found.line?.prefix);

			return answer.fill(prefix.then(of => {
				if (!of) {
					prefix = null;
					return { error: { code: 'MAPE_NO_IPV6_YET' } };
				}

				return api.plan(of, 'manual', written, '', '');
			}), plan => draw.plan(plan));
		};

		const typed = section_id => {
			window.clearTimeout(timer);
			timer = window.setTimeout(() => preview(section_id), PAUSE);
		};

		const listening = (base, o) => {
			o.renderWidget = function(section_id, ...rest) {
				const node = base.prototype.renderWidget.apply(this, [ section_id, ...rest ]);

				node.addEventListener('input', () => typed(section_id));
				node.addEventListener('widget-change', () => typed(section_id));

				return node;
			};
		};

		const paste = s.taboption('general', form.TextValue, '_rule_paste', _('Paste a rule'), _('A line such as ipv6=…,ipv4=…,ea=…,br=… or type=map-e,…, or the options of another MAP interface. The fields below are filled from it.'));
		paste.depends('provider', 'manual');
		paste.rows = 2;
		paste.monospace = true;
		paste.optional = true;
		paste.cfgvalue = () => '';
		paste.write = paste.remove = () => {};
		paste.validate = (section_id, value) => !value || rules.parse(value) !== null || _('This is no rule that can be read.');
		paste.renderWidget = function(section_id, ...rest) {
			const node = form.TextValue.prototype.renderWidget.apply(this, [ section_id, ...rest ]);
			const take = () => {
				const rule = rules.parse(s.formvalue(section_id, '_rule_paste'));

				if (!rule)
					return;

				for (const key of rules.keys) {
					const field = s.getUIElement(section_id, `_rule_${key}`);

					field?.setValue(rule[key] ?? (key === 'layout' ? 'unstated' : ''));
					field?.triggerValidation();
				}

				preview(section_id);
			};

			node.addEventListener('input', take);
			node.addEventListener('widget-change', take);

			return node;
		};

		const titles = {
			ipv6: _('IPv6 prefix of the rule'),
			ipv4: _('IPv4 prefix of the rule'),
			ea: _('EA bits'),
			br: _('Border relay (BR)'),
			offset: _('PSID offset'),
			psidlen: _('PSID length'),
			psid: _('PSID'),
			layout: _('Address layout')
		};

		const fields = [
			[ 'ipv6', 'cidr6', '240b:10::/31', true ],
			[ 'ipv4', 'cidr4', '106.72.0.0/15', true ],
			[ 'ea', 'range(0,48)', '25', true ],
			[ 'br', 'ip6addr("nomask")', '2404:9200:225:100::64', true ],
			[ 'offset', 'range(0,16)', _('from the layout: 4 or 6'), false ],
			[ 'psidlen', 'range(0,16)', _('from the EA bits'), false ],
			[ 'psid', 'range(0,65535)', _('from the prefix'), false ]
		];

		for (const [ key, datatype, placeholder, needed ] of fields) {
			const o = s.taboption('general', form.Value, `_rule_${key}`, titles[key]);

			o.depends('provider', 'manual');
			o.datatype = datatype;
			o.placeholder = placeholder;
			o.optional = true;
			o.cfgvalue = section_id => ruleOf(section_id)?.[key] ?? '';
			o.write = o.remove = () => {};
			o.validate = (section_id, value) => !needed || value || s.formvalue(section_id, 'rules_file') || isUnreadable(section_id)
				? true : _('A rule needs this number; the provider names it.');
			listening(form.Value, o);
		}

		const layout = s.taboption('general', form.ListValue, '_rule_layout', titles.layout);

		layout.depends('provider', 'manual');
		layout.value('draft03', _('Japan (draft 03)'));
		layout.value('rfc7597', _('RFC 7597'));
		layout.value('unstated', _('as the protocol MAP'));
		layout.cfgvalue = section_id => {
			const rule = ruleOf(section_id);

			return rule && !rule.layout ? 'unstated' : rule?.layout ?? 'draft03';
		};
		layout.write = layout.remove = () => {};
		listening(form.ListValue, layout);

		const o = s.taboption('general', form.DummyValue, '_rule_preview', _('This line with it'));

		o.depends('provider', 'manual');
		o.cfgvalue = () => null;
		o.renderWidget = section_id => {
			if (ruleOf(section_id))
				window.setTimeout(() => preview(section_id), 0);

			return E('div', {}, [ draw.stylesheet(), answer.node ]);
		};

		// All fields together are one option. This one has no field of its own and is written with the form.
		const whole = s.taboption('general', form.HiddenValue, 'rule');

		whole.depends('provider', 'manual');
		whole.forcewrite = true;
		whole.rmempty = false;
		whole.cfgvalue = () => 'rule';
		whole.write = section_id => {
			const rule = rules.complete(values(section_id));
			const before = ruleOf(section_id);

			// What cannot be shown stays, and so does what means the same, as the user wrote it.
			if (rule ? rules.write(rule) === rules.write(before) : isUnreadable(section_id))
				return;

			removeRule(section_id, 'manual');

			if (rule)
				uci.set('network', section_id, 'rule', rules.write(rule));
		};
		whole.remove = section_id => removeRule(section_id, s.formvalue(section_id, 'provider'));
	},

	renderAdvanced(s) {
		let o;

		o = s.taboption('advanced', widgets.NetworkSelect, 'tunlink', _('Tunnel link'), _('The interface that has IPv6 from the provider. Left empty it is found by itself.'));
		o.nocreate = true;
		o.exclude = s.section;
		o.optional = true;

		o = s.taboption('advanced', form.Value, 'mtu', _('MTU'), _('Inside the tunnel. Left empty: that of the uplink less 40.'));
		o.datatype = 'range(1280,65495)';
		o.placeholder = '1460';
		o.optional = true;

		o = s.taboption('advanced', form.DynamicList, 'reserved_ports', _('Reserved ports'), _('Ports for servers, like 5696 or 9792-9799: outgoing connections do not get them.'));
		o.optional = true;
		o.validate = (section_id, value) => !value || (/^[0-9]{1,5}(-[0-9]{1,5})?(,[0-9]{1,5}(-[0-9]{1,5})?)*$/).test(value)
			|| _('Write ports like 5696 or 9792-9799.');

		o = s.taboption('advanced', form.ListValue, 'layout', _('Address layout'), _('Only where the provider says otherwise than the rule.'));
		o.value('', _('that of the rule'));
		o.value('draft03', _('draft 03'));
		o.value('rfc7597', _('RFC 7597'));
		o.optional = true;

		o = s.taboption('advanced', form.Value, 'rules_file', _('File of rules'), _('A file on the router with rules of your own, one in a line.'));
		o.datatype = 'file';
		o.placeholder = '/etc/mape-rs/rules';
		o.optional = true;
		o.depends('provider', 'manual');

		o = s.taboption('advanced', form.ListValue, 'provisioning', _('Provisioning'), _('Whether the router asks a server for the rule. Off: the built-in table is used and nothing is sent.'));
		o.value('', _('off'));
		o.value('hb46pp', _('server that the network names (HB46PP)'));
		o.value('url', _('an address of your own'));
		o.optional = true;

		o = s.taboption('advanced', form.Value, 'provisioning_url', _('Address of the server'), _('{prefix} and {length} stand for the prefix of the line.'));
		o.depends('provisioning', 'url');
		o.placeholder = 'https://server.example/rules?ipv6Prefix={prefix}&ipv6PrefixLength={length}';
		o.validate = (section_id, value) => (/^https?:\/\//).test(value) || _('An address begins with https:// or http://.');

		for (const [ name, title ] of [
			[ 'provisioning_user', _('User of the provisioning server') ],
			[ 'provisioning_password', _('Password of the provisioning server') ],
			[ 'provisioning_server', _('Name of the provisioning server') ]
		]) {
			o = s.taboption('advanced', form.Value, name, title);
			o.depends('provisioning', 'hb46pp');
			o.password = name === 'provisioning_password';
			o.optional = true;
		}

		o = s.taboption('advanced', form.ListValue, 'edge', _('Place of translation'), _('Where ports are translated. Automatic is best.'));
		o.value('', _('Automatic'));
		o.value('netdev', text.edge('netdev'));
		o.value('postrouting', text.edge('postrouting'));
		o.value('plain', text.edge('plain'));
		o.optional = true;

		o = s.taboption('advanced', form.Flag, 'full_cone', _('Full cone for UDP'), _('Anyone can answer a port from which something was sent: better for game consoles, and more open.'));
		o.optional = true;

		o = s.taboption('advanced', form.DynamicList, 'full_cone_hosts', _('Hosts with full cone'), _('The same for these addresses only, such as that of a game console.'));
		o.datatype = 'ip4addr("nomask")';
		o.optional = true;

		o = s.taboption('advanced', form.Value, 'upnp_ports', _('Ports for UPnP'), _('How many ports at the end of the set UPnP, NAT-PMP and PCP may give away. Left empty: none.'));
		o.datatype = 'range(0,65535)';
		o.placeholder = '16';
		o.optional = true;
	}
});
