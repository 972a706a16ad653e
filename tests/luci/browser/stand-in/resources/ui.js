'use strict';
'require baseclass';
'require dom';
'require rpc';

const apply = rpc.declare({ object: 'uci', method: 'apply', reject: true });

return baseclass.extend({
	changes: {
		init: () => Promise.resolve(),
		// As LuCI does once the router has said that it is still there.
		apply: () => apply().then(() => window.location.reload())
	},

	showModal(title, children) {
		const modal = E('div', { 'class': 'modal' });

		dom.append(modal, E('h4', {}, title));
		dom.append(modal, children);
		dom.content(document.getElementById('modal_overlay'), modal);
		document.body.classList.add('modal-overlay-active');
	},

	hideModal() {
		document.getElementById('modal_overlay').replaceChildren();
		document.body.classList.remove('modal-overlay-active');
	},

	addNotification(title, children) {
		const note = E('div', { 'class': 'alert-message' }, title ? [ E('h4', {}, title) ] : []);

		dom.append(note, children);
		document.getElementById('notes').append(note);
	},

	createHandlerFn(context, handler, ...words) {
		const call = typeof handler === 'string' ? context[handler] : handler;

		return event => {
			const button = event.currentTarget;

			button.disabled = true;

			return Promise.resolve(call.call(context, ...words, event)).finally(() => {
				button.disabled = false;
			});
		};
	}
});
