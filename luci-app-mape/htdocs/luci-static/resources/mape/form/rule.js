'use strict';
'require baseclass';
'require form';
'require uci';
'require mape.api as api';
'require mape.draw as draw';
'require mape.rule as rules';
'require mape.section as sections';

// The manual rule in the form: fields for its numbers, paste, and a preview of the plan while
// typing.

// How long typing rests before the preview is asked for, in milliseconds.
const PAUSE = 300;

return baseclass.extend({
	render(s) {
		const answer = draw.answer();
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
					_('Required: %s').replace('%s', text.list(missing.map(key => titles[key])))
				]));

			if (!rules.isPlain(written))
				return answer.fill(Promise.resolve(), () => draw.error({ code: 'MAPE_RULE_INCONSISTENT' }));

			prefix ??= api.detect().then(found => found.line?.prefix, error => {
				prefix = null;
				throw error;
			});

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
			timer = window.setTimeout(() => answer.node.isConnected && preview(section_id), PAUSE);
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
		paste.validate = (section_id, value) => !value || rules.parse(value) !== null || _('Not a valid rule.');
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
			layout: _('MAP address format')
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

		// A form that has just been opened shows no mistake: without any number it is
		// refused when it is saved.
		let isRefused = false;
		const required = fields.filter(([ , , , needed ]) => needed).map(([ key ]) => key);
		const isEmpty = section_id => required.every(key => !s.formvalue(section_id, `_rule_${key}`))
			&& !s.formvalue(section_id, 'rules_file') && !sections.isUnreadable(section_id);

		for (const [ key, datatype, placeholder, needed ] of fields) {
			const o = s.taboption('general', form.Value, `_rule_${key}`, titles[key]);

			o.depends('provider', 'manual');
			o.datatype = datatype;
			o.placeholder = placeholder;
			o.optional = true;
			o.cfgvalue = section_id => sections.rule(section_id)?.[key] ?? '';
			o.write = o.remove = () => {};
			o.validate = (section_id, value) => !needed || value || s.formvalue(section_id, 'rules_file') || sections.isUnreadable(section_id)
				|| (!isRefused && isEmpty(section_id)) ? true : _('Required. Ask your provider for this value.');
			listening(form.Value, o);
		}

		const layout = s.taboption('general', form.ListValue, '_rule_layout', titles.layout);

		layout.depends('provider', 'manual');
		layout.value('draft03', _('Japan (draft 03)'));
		layout.value('rfc7597', _('RFC 7597'));
		layout.value('unstated', _('same as OpenWrt\'s MAP protocol'));
		layout.cfgvalue = section_id => {
			const rule = sections.rule(section_id);

			return rule && !rule.layout ? 'unstated' : rule?.layout ?? 'draft03';
		};
		layout.write = layout.remove = () => {};
		listening(form.ListValue, layout);

		const o = s.taboption('general', form.DummyValue, '_rule_preview', _('Result with this rule'));

		o.depends('provider', 'manual');
		o.cfgvalue = () => null;
		o.renderWidget = section_id => {
			if (sections.rule(section_id))
				window.setTimeout(() => preview(section_id), 0);

			return E('div', {}, [ draw.stylesheet(), answer.node ]);
		};

		// All fields together are one option. It has no field of its own and is written
		// with the form.
		const whole = s.taboption('general', form.HiddenValue, 'rule');

		whole.depends('provider', 'manual');
		whole.forcewrite = true;
		whole.rmempty = false;
		whole.cfgvalue = () => 'rule';
		whole.parse = function(section_id) {
			if (s.formvalue(section_id, 'provider') !== 'manual' || !isEmpty(section_id))
				return form.HiddenValue.prototype.parse.apply(this, [ section_id ]);

			isRefused = true;
			for (const key of required)
				s.getUIElement(section_id, `_rule_${key}`)?.triggerValidation();

			return Promise.reject(new TypeError(_('Required. Ask your provider for this value.')));
		};
		whole.write = section_id => {
			const rule = rules.complete(values(section_id));
			const before = sections.rule(section_id);

			// A rule that the form cannot show stays as the user wrote it, and so does
			// an equivalent one.
			if (rule ? rules.write(rule) === rules.write(before) : sections.isUnreadable(section_id))
				return;

			sections.removeRule(section_id, 'manual');

			if (rule)
				uci.set('network', section_id, 'rule', rules.write(rule));
		};
		whole.remove = section_id => sections.removeRule(section_id, s.formvalue(section_id, 'provider'));
	}
});
