'use strict';
'require baseclass';
'require mape.draw as draw';
'require mape.model as model';
'require mape.text as text';

// Ports in use over time, as lines with axes, and when the line was lost or got another address.

const SVG = 'http://www.w3.org/2000/svg';

// Size of the drawing; it is stretched to the page.
const WIDTH = 300;
const HEIGHT = 60;

// Seconds.
const DAY = 86400;

// Changes that are listed.
const CHANGES = 8;

function svg(name, attributes, children) {
	const node = document.createElementNS(SVG, name);

	for (const key in attributes)
		node.setAttribute(key, attributes[key]);

	for (const child of children ?? [])
		node.appendChild(child);

	return node;
}

function mark(y, name) {
	return svg('line', { x1: 0, x2: WIDTH, y1: y, y2: y, 'class': name });
}

// A single sample is a short line.
function points(line) {
	const all = line.length > 1 ? line : [ line[0], [ line[0][0] + 0.004, line[0][1] ] ];

	return all.map(([ x, y ]) => `${(x * WIDTH).toFixed(1)},${(y * HEIGHT).toFixed(1)}`).join(' ');
}

// The place of a label; a strict CSP refuses styles in markup.
function placed(name, side, part, label) {
	const node = E('span', { 'class': name }, [ `${label}` ]);

	node.style.setProperty(side, `${part * 100}%`);

	return node;
}

// The lines of each protocol, from `from` to now; `losses` are places of vertical lines.
function chart(title, lines, losses, usable, from) {
	const middle = model.isKnown(usable) ? [ [ 0, usable ], [ 0.2, Math.round(usable * 0.8) ], [ 1, 0 ] ] : [];

	return E('figure', { 'class': 'mape-chart' }, [
		E('figcaption', {}, [ E('strong', {}, [ title ]), ' ', ...model.protocols.map(protocol =>
			E('span', { 'class': `mape-key mape-key-${protocol} mape-detail` }, [ draw.protocolName(protocol) ])) ]),
		E('div', { 'class': 'mape-plot' }, [
			E('div', { 'class': 'mape-y mape-detail' }, middle.map(([ part, value ]) => placed('mape-label', 'top', part, value))),
			svg('svg', { viewBox: `0 -1 ${WIDTH} ${HEIGHT + 2}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': title }, [
				mark(HEIGHT * 0.2, 'mape-mark'), mark(0, 'mape-axis'), mark(HEIGHT, 'mape-axis'),
				...losses.map(x => svg('line', { x1: x * WIDTH, x2: x * WIDTH, y1: 0, y2: HEIGHT, 'class': 'mape-loss' })),
				...lines.flatMap((all, index) => all.map(line => svg('polyline', { points: points(line), 'class': `mape-line mape-line-${model.protocols[index]}` })))
			])
		]),
		E('div', { 'class': 'mape-x mape-detail' }, [ ...from.map(label => E('span', {}, [ label ])), E('span', {}, [ _('now', 'MAP-E history') ]) ])
	]);
}

function ago(seconds) {
	return _('%s ago', 'MAP-E history').replace('%s', () => text.duration(seconds));
}

return baseclass.extend({
	// While the page is open: the last samples, of which it remembers `limit`, `seconds` apart.
	recent(samples, usable, limit, seconds) {
		return chart(_('Ports in use, since this page was opened'), model.lines(samples, usable, limit), [], usable, [ ago(limit * seconds) ]);
	},

	// The last day, as the router has seen it.
	day(history) {
		const numbers = [ [ _('now', 'MAP-E history'), history.now ], [ _('average', 'MAP-E history'), history.average ], [ _('at most', 'MAP-E history'), history.peak ] ].filter(([ , ports ]) => ports);

		return E('div', {}, [
			chart(_('Ports in use, last 24 hours'), model.dayLines(history), model.losses(history), history.usable, [ ago(DAY), ago(DAY / 2) ]),
			E('p', { 'class': 'mape-detail' }, [ _('The dashed line is 80 % of your ports. A gap is a time in which neither this page nor an event of the router measured.') ]),
			E('ul', { 'class': 'mape-day mape-detail' }, numbers.map(([ name, ports ]) =>
				E('li', {}, [ E('strong', {}, [ name ]), ': ', text.list(model.protocols.map(protocol => `${draw.protocolName(protocol)} ${ports[protocol]}`)) ]))),
			this.changes(history)
		]);
	},

	// Losses and new addresses, the newest first.
	changes(history) {
		const words = { up: _('online', 'MAP-E history'), down: _('connection lost', 'MAP-E history'), renumbered: _('new address or ports', 'MAP-E history') };
		const all = model.recentChanges(history).slice(-CHANGES).reverse();

		return all.length ? E('div', {}, [
			E('strong', { 'class': 'mape-detail' }, [ _('Interruptions and new addresses, last 24 hours') ]),
			E('ul', { 'class': 'mape-day mape-detail' }, all.map(({ ago: past, event, ipv4, psid }) =>
				E('li', { 'data-event': event }, [ `${ago(past)}: ${words[event]}`,
					event === 'down' ? '' : ` (${ipv4}, PSID ${psid ?? '-'})` ])))
		]) : E('p', { 'class': 'mape-detail' }, [ _('No interruption in the last 24 hours.') ]);
	}
});
