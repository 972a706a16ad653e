'use strict';
'require baseclass';
'require ui';
'require mape.api as api';
'require mape.draw as draw';

// netifd reads its protocols when it starts, and never again. Until then an interface of ours is of no protocol to
// it, and nothing else that is said of one is true.

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
