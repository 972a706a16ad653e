'use strict';
'require baseclass';
'require dom';
'require form';
'require network';
'require uci';
'require protocol.mape as mape';

// The rows and forms of all interfaces of proto mape.
return baseclass.extend({
	__init__() {
		network.load().then(() => {
			const nodes = uci.sections('network', 'interface').filter(section => section.proto === 'mape').map(section => {
				const protocol = network.getProtocol('mape', section['.name']) ?? mape;
				const options = new form.Section(section['.name']);

				protocol.renderFormOptions(options);

				return E('div', {}, [
					E('p', {}, [ `${protocol.getI18n()}, ${protocol.getIfname()}, ${protocol.getGatewayAddr() ?? '?'}` ]),
					options.render()
				]);
			});

			dom.content(document.getElementById('view'), nodes);
		});
	}
});
