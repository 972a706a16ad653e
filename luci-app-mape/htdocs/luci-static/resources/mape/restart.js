'use strict';
'require baseclass';
'require ui';
'require mape.api as api';
'require mape.draw as draw';

// netifd reads its protocol handlers only when it starts. Until then it treats an interface of ours
// as one without a protocol, and nothing else that it reports about it is true.

function restart() {
	return api.restartNetwork().catch(() => null).then(() => {
		ui.addNotification(null, E('p', {}, [ _('The network restarts. Reload this page in half a minute.') ]));
	});
}

return baseclass.extend({
	node(mayWrite) {
		return draw.problem(_('One last step after installation: restart the network service so that it learns the MAP-E protocol. All connections drop for a few seconds.'), null, null,
			E('button', {
				'class': 'btn cbi-button-negative',
				'disabled': mayWrite ? null : '',
				'title': mayWrite ? null : _('Your account may not change these settings.'),
				'click': ui.createHandlerFn(this, restart)
			}, [ _('Restart the network') ]));
	}
});
