'use strict';
'require baseclass';
'require dom';
'require view.status.include.31_mape as widget';

return baseclass.extend({
	__init__() {
		widget.load().then(loaded => widget.render(loaded)).then(node => dom.content(document.getElementById('view'), [
			E('div', { 'class': 'cbi-section' }, [ E('h3', {}, [ widget.title ]), node ])
		]));
	}
});
