'use strict';
'require baseclass';

// Several lines as tabs, with the classes of LuCI's own. Arrows move between them, as in every list
// of tabs; the state of a line stands in its tab, so what is hidden is not forgotten.

function select(tabs, panels, at) {
	tabs.forEach((tab, index) => {
		const chosen = index === at;

		tab.setAttribute('aria-selected', String(chosen));
		tab.setAttribute('tabindex', chosen ? '0' : '-1');
		tab.parentNode.className = chosen ? 'cbi-tab' : 'cbi-tab-disabled';
		panels[index].hidden = !chosen;
	});
}

return baseclass.extend({
	// `lines` have a name, a node, and a node `sign` for the tab.
	node(lines) {
		const panels = lines.map(({ name, node }) => E('div', { 'role': 'tabpanel', 'id': `mape-panel-${name}`, 'aria-labelledby': `mape-tab-${name}` }, [ node ]));
		const tabs = lines.map(({ name, sign }, at) => E('a', {
			'href': '#', 'role': 'tab', 'id': `mape-tab-${name}`, 'aria-controls': `mape-panel-${name}`,
			'click': event => {
				event.preventDefault();
				select(tabs, panels, at);
			},
			'keydown': event => {
				const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
				const next = step && (at + step + tabs.length) % tabs.length;

				if (step === undefined)
					return;

				event.preventDefault();
				select(tabs, panels, next);
				tabs[next].focus();
			}
		}, [ name, ' ', sign ]));
		const node = E('div', { 'class': 'mape-tabs' }, [
			E('ul', { 'class': 'cbi-tabmenu', 'role': 'tablist' }, tabs.map(tab => E('li', { 'role': 'presentation' }, [ tab ]))), ...panels
		]);

		select(tabs, panels, 0);

		return node;
	}
});
