'use strict';
'require baseclass';
'require ui';
'require mape.api as api';
'require mape.draw as draw';

// netifd reads its protocol handlers only when it starts. Until then it treats an interface of ours
// as one without a protocol, and nothing else that it reports about it is true.

// Seconds between two questions whether it is back, and how often it is asked.
const PAUSE = 2;
const QUESTIONS = 45;

function wait() {
	return new Promise(resolve => {
		window.setTimeout(resolve, PAUSE * 1000);
	});
}

// While the network restarts, no answer comes.
function known(questions) {
	return wait().then(() => api.knowsProtocol()).catch(() => false).then(is => is || (questions > 1 && known(questions - 1)));
}

return baseclass.extend({
	// Restarts the network; true when the network service then knows the protocol.
	now() {
		ui.showModal([ _('Restarting the network…') ], [
			E('p', { 'class': 'spinning' }, [ _('All connections drop for a few seconds. This page goes on by itself.') ])
		]);

		return api.restartNetwork().catch(() => null).then(() => known(QUESTIONS)).then(is => {
			ui.hideModal();
			if (!is)
				ui.addNotification(null, draw.problem(_('The network service still does not know the protocol MAP-E. Restart the router; if that does not help, install the package mape-rs again.')));

			return is;
		});
	},

	node(mayWrite) {
		return draw.problem(_('One last step after installation: restart the network service so that it learns the MAP-E protocol. All connections drop for a few seconds.'), null, null,
			E('button', {
				'class': 'btn cbi-button-negative',
				'disabled': mayWrite ? null : '',
				'title': mayWrite ? null : _('Your account may not change these settings.'),
				'click': ui.createHandlerFn(this, () => this.now().then(is => is && window.location.reload()))
			}, [ _('Restart the network') ]));
	}
});
