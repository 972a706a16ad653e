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
		return draw.problem(_('The network service does not know the protocol MAP-E yet. It must be restarted once; all connections stop for some seconds.'), null, null,
			E('button', {
				'class': 'btn cbi-button-negative',
				'disabled': mayWrite ? null : '',
				'title': mayWrite ? null : _('You have no permission to change anything here.'),
				'click': ui.createHandlerFn(this, restart)
			}, [ _('Restart the network') ]));
	}
});
