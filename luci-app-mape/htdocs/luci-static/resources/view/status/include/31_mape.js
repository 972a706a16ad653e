'use strict';
'require baseclass';
'require uci';
'require mape.api as api';
'require mape.draw as draw';
'require mape.model as model';
'require mape.section as sections';
'require mape.text as text';
'require mape.usage as usage';

function row(name, report) {
	const status = report?.interfaces?.find(it => it.interface === name);
	const link = E('a', { 'href': L.url('admin/status/mape/status') }, [ name ]);

	if (!status)
		return [ link, draw.known(null) ];

	const { line } = status;
	const shown = model.shown(status);
	const words = [ draw.badge(shown.tone, text.state(shown.name)) ];

	if (status.error)
		words.push(' ', text.explain(status.error));
	else if (line)
		words.push(` ${draw.owner(line)}`);

	if (status.ports)
		words.push(usage.most(status));

	if (model.nearlyFull(status).length)
		words.push(E('strong', {}, [ _('Almost out of ports.') ]));

	return [ link, E('div', {}, [ ...words ]) ];
}

return baseclass.extend({
	title: 'MAP-E',

	load() {
		return L.resolveDefault(uci.load('network')).then(() => {
			const names = sections.names();

			return Promise.all(names.map(name => L.resolveDefault(api.status(name), null).then(report => [ name, report ])));
		});
	},

	// Without a MAP-E interface nothing is shown.
	render(lines) {
		if (!lines?.length)
			return null;

		return E('div', {}, [ draw.stylesheet(), draw.table(lines.map(([ name, report ]) => row(name, report))) ]);
	}
});
