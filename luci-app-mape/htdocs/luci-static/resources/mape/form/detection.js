'use strict';
'require baseclass';
'require dom';
'require form';
'require ui';
'require uci';
'require mape.api as api';
'require mape.draw as draw';
'require mape.model as model';
'require mape.section as sections';

// What the line is, in the form: asked when it opens and again on click. Nothing is sent for it.

return baseclass.extend({
	// `provider` is the option whose choice is answered for.
	render(s, provider) {
		const o = s.taboption('general', form.DummyValue, '_detect', _('Detected connection'));

		for (const name of [ 'auto', ...sections.table ])
			o.depends('provider', name);

		o.cfgvalue = () => null;

		o.renderWidget = section_id => {
			const answer = draw.answer();
			const provisioned = () => ![ '', 'off' ].includes(s.formvalue(section_id, 'provisioning') ?? uci.get('network', section_id, 'provisioning') ?? '');
			const detect = ask => {
				// Not with the answer: the form may be closed then.
				const chosen = s.formvalue(section_id, 'provider') || sections.provider(section_id);
				const isProvisioned = provisioned();

				dom.content(answer.node, E('em', { 'class': 'spinning' }, [ _('Detecting your connection…') ]));

				return answer.fill(ask().then(found => {
					if (!sections.table.includes(chosen) || !found.line?.prefix)
						return found;

					return api.plan(found.line.prefix, chosen, '', '', '').then(plan => ({ line: found.line, plan }));
				}), found => found.plan?.error && found.line?.line === 'map-e' && !model.ruleFrom(found) ? draw.error(found.plan.error) : draw.line(found, isProvisioned));
			};

			detect(api.detect);
			provider.onchange = (ev, id, value) => value === 'auto' || sections.table.includes(value) ? detect(api.detect) : null;

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
						'data-tooltip': _('Queries the provider\'s provisioning server and, if present, the NTT home gateway. Requires write permission.'),
						'click': ui.createHandlerFn(this, () => detect(api.ask))
					}, [ _('Query the provider and home gateway') ])
				])
			]);
		};
	}
});
