'use strict';
'require baseclass';
'require mape.draw as draw';
'require mape.model as model';
'require mape.text as text';

// How much of the port set is in use: by protocol, by block, and by whom.

// From here on, tiles have no number: 63 of them have to be seen at once on a phone.
const MANY = 20;

function percent(level) {
	return level === null ? null : `${Math.round(level * 100)} %`;
}

// The blocks are one stop of the Tab key; arrows, Home and End move between them.
function moved(event) {
	const cells = [ ...event.currentTarget.querySelectorAll('button') ];
	const at = cells.indexOf(document.activeElement);
	const next = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: cells.length - 1 }[event.key];

	if (cells[next]) {
		event.preventDefault();
		cells[next].focus();
	}
}

return baseclass.extend({
	// A cell for each block, filled as far as the block is, with a frame where it has ports
	// of the ranges `marked`.
	grid(status, click, marked) {
		const blocks = model.blocks(status);

		return E('ul', { 'class': blocks.length > MANY ? 'mape-grid mape-grid-many' : 'mape-grid', 'keydown': moved }, blocks.map(({ first, last, size, reserved, published, used, most, level }, at) => {
			const name = first === last ? `${first}` : `${first}–${last}`;
			const words = text.list(model.protocols.map(protocol => `${draw.protocolName(protocol)} ${used[protocol] ?? '?'}`));
			const mine = model.within(first, last, marked);
			const all = `${name}: ${words} / ${size}`;
			const marks = [ [ _('reserved', 'MAP-E port'), reserved ], [ _('published', 'MAP-E port'), published ], [ _('of the chosen device', 'MAP-E port'), mine ] ].filter(([ , count ]) => count).map(([ word, count ]) => `${word}: ${count}`);
			const label = text.list([ all, ...marks ]);
			const classes = [ 'mape-cell' ];

			if (level === null)
				classes.push('mape-cell-unknown');
			if (model.isNearlyFull(level))
				classes.push('mape-cell-full');
			if (reserved || published)
				classes.push('mape-cell-reserved');
			if (mine)
				classes.push('mape-cell-mine');

			const fill = E('span', { 'class': 'mape-fill' });

			fill.style.setProperty('height', `${(level ?? 0) * 100}%`);

			return E('li', {}, [ E('button', {
				'type': 'button',
				'tabindex': at ? '-1' : '0',
				'class': classes.join(' '),
				// Beside the button's own text, also for a screen reader.
				'title': label,
				'data-first': first,
				'data-last': last,
				'data-heat': model.heat(level),
				// A poll may have made it that of another block.
				'click': ({ currentTarget: { dataset } }) => click?.({ first: Number(dataset.first), last: Number(dataset.last) })
			}, [
				fill,
				E('span', { 'class': 'mape-cell-name' }, [ `${first}` ]),
				E('span', { 'class': 'mape-cell-count' }, [ `${most ?? '?'}/${size}`, reserved ? ' R' : '', published ? ' P' : '' ])
			]) ]);
		}));
	},

	legend(status) {
		return E('p', { 'class': 'mape-detail' }, [ model.blocks(status).length > MANY
			? _('Each tile is one block of your ports, named by its first port and filled as far as its busiest protocol. Dotted = contains reserved or opened ports. Click a tile for the list.')
			: _('Each tile is one block of your ports, named by its first port; the number is the busiest of TCP, UDP and ICMP. R = contains reserved ports, P = contains opened ports. Click a tile for the list.')
		]);
	},

	bar(level, label) {
		const fill = E('div');

		fill.style.setProperty('width', `${(level ?? 0) * 100}%`);

		return E('div', { 'class': 'mape-use' }, [
			E('div', { 'class': 'mape-bar', 'data-heat': model.heat(level) }, [ fill ]),
			E('span', { 'class': 'mape-part' }, [ label ])
		]);
	},

	// The protocol that uses most of the ports.
	most(status) {
		const totals = model.totals(status).filter(total => total.level !== null);

		if (!totals.length)
			return draw.known(null);

		const { protocol, used, usable, peak, level } = totals.reduce((most, total) => total.level > most.level ? total : most);

		return E('div', {}, [
			this.bar(level, percent(level)),
			E('div', { 'class': 'mape-detail' }, [ text.list([ `${draw.protocolName(protocol)} ${used} / ${usable}`, ...peak === null ? [] : [ _('at most %d').replace('%d', () => peak) ] ]) ])
		]);
	},

	totals(status) {
		const head = [ _('Protocol'), _('Ports in use'), _('Connections'), _('Peak', 'MAP-E port') ];

		return E('table', { 'class': 'table mape-totals' }, [
			E('tr', { 'class': 'tr table-titles' }, head.map(title => E('th', { 'class': 'th left' }, [ title ]))),
			...model.totals(status).map(total => {
				const of = total.usable === null ? '' : ` / ${total.usable}`;

				return E('tr', { 'class': 'tr' }, [
					E('td', { 'class': 'td left', 'data-title': head[0] }, [ draw.protocolName(total.protocol) ]),
					E('td', { 'class': 'td left', 'data-title': head[1] }, [
						total.used === null ? draw.known(null) : this.bar(total.level, `${total.used}${of} (${percent(total.level)})`)
					]),
					E('td', { 'class': 'td left', 'data-title': head[2] }, [ draw.known(total.connections) ]),
					E('td', { 'class': 'td left', 'data-title': head[3] }, [ draw.known(total.peak) ])
				]);
			})
		]);
	},

	// A device by its name, where one is known.
	device(address, status, names) {
		const name = address === (status?.block?.nat ?? status?.line?.ipv4) ? _('this router') : names?.(address);

		return E('span', {}, [ E('strong', {}, [ name ?? address ]), name ? ` (${address})` : '' ]);
	},

	// The devices with the most connections; a press chooses one, whose ports `chosen` are.
	hosts(status, names, marked, chosen, click) {
		const hosts = model.hosts(status);

		if (hosts === null)
			return draw.known(null);

		if (!hosts.length)
			return E('em', {}, [ _('none', 'MAP-E') ]);

		return E('ul', { 'class': 'mape-hosts' }, hosts.map(({ address, connections }) => E('li', {}, [
			E('button', {
				'type': 'button',
				'class': 'mape-device',
				'aria-pressed': String(address === marked),
				'title': _('Show its ports'),
				'data-address': address,
				// A poll may have made it that of another device.
				'click': ({ currentTarget: { dataset } }) => click(dataset.address)
			}, [ this.device(address, status, names) ]),
			`: ${connections}`,
			address === marked && chosen ? E('div', { 'class': 'mape-detail' }, [ `${_('Port ranges')}: `, draw.ranges(chosen) ]) : ''
		])));
	},

	// Which device has which of these ports.
	devices(ports, status, names) {
		const heads = [ _('Device', 'MAP-E port'), _('Ports'), _('Port ranges') ];

		const all = model.byDevice(ports);

		return !all.length ? '' : this.list(heads, all.map(({ address, ranges }) => [ this.device(address, status, names), model.size(ranges), draw.ranges(ranges) ]));
	},

	// Ports in use, each in a row.
	ports(ports, status, names) {
		const heads = [ _('Port'), _('Device', 'MAP-E port'), _('Connections'), _('Purpose') ];
		// Of most protocols a port has none.
		const connections = it => text.list(model.protocols.filter(protocol => it[protocol] !== 0).map(protocol => `${draw.protocolName(protocol)} ${it[protocol] ?? '?'}`));

		return this.list(heads, ports.map(it => [
			it.port, E('span', {}, [].concat(it.hosts ?? []).map(address => E('div', {}, [ this.device(address, status, names) ]))),
			connections(it), text.role(it.role)
		]));
	},

	list(heads, rows) {
		return E('table', { 'class': 'table mape-totals' }, [
			E('tr', { 'class': 'tr table-titles' }, heads.map(head => E('th', { 'class': 'th left' }, [ head ]))),
			...rows.map(cells => E('tr', { 'class': 'tr' }, cells.map((cell, at) =>
				E('td', { 'class': 'td left', 'data-title': heads[at] }, [ cell instanceof Node ? cell : draw.known(cell) ]))))
		]);
	}
});
