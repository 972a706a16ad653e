'use strict';
'require baseclass';
'require mape.draw as draw';
'require mape.model as model';

// How much of the port set is in use: by protocol, by block, over time, and by whom.

const SVG = 'http://www.w3.org/2000/svg';

function svg(name, attributes, children) {
	const node = document.createElementNS(SVG, name);

	for (const key in attributes)
		node.setAttribute(key, attributes[key]);

	for (const child of children ?? [])
		node.appendChild(child);

	return node;
}

function percent(level) {
	return level === null ? null : `${Math.round(level * 100)} %`;
}

return baseclass.extend({
	// A cell for each block, filled as far as the block is.
	grid(status, click) {
		const blocks = model.blocks(status);

		return E('ul', { 'class': 'mape-grid' }, blocks.map(({ first, last, size, reserved, published, used, most, level }) => {
			const name = first === last ? `${first}` : `${first}–${last}`;
			const words = model.protocols.map(protocol => `${draw.protocolName(protocol)} ${used[protocol] ?? '?'}`).join(', ');
			const all = `${name}: ${words} / ${size}`;
			const marks = [ [ _('reserved'), reserved ], [ _('published'), published ] ].filter(([ , count ]) => count).map(([ word, count ]) => `, ${word}: ${count}`);
			const label = all + marks.join('');
			const classes = [ 'mape-cell' ];

			if (level === null)
				classes.push('mape-cell-unknown');
			if (model.isNearlyFull(level))
				classes.push('mape-cell-full');
			if (reserved)
				classes.push('mape-cell-reserved');

			const fill = E('span', { 'class': 'mape-fill' });

			fill.style.setProperty('height', `${(level ?? 0) * 100}%`);

			return E('li', {}, [ E('button', {
				'type': 'button',
				'class': classes.join(' '),
				'title': label,
				'aria-label': label,
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

	legend() {
		return E('p', { 'class': 'mape-detail' }, [
			_('Each tile is one block of your ports, named by its first port; the number is the busiest of TCP, UDP and ICMP. R = contains reserved ports, P = contains opened ports. Click a tile for the list.')
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
			E('div', { 'class': 'mape-detail' }, [ `${draw.protocolName(protocol)} ${used} / ${usable}`, peak === null ? '' : `, ${_('at most %d').replace('%d', () => peak)}` ])
		]);
	},

	totals(status) {
		const head = [ _('Protocol'), _('Ports in use'), _('Connections'), _('Peak') ];

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

	// Ports in use over the last samples, all three protocols.
	chart(samples, usable, limit) {
		const lines = model.lines(samples, usable, limit);
		const points = line => line.map(([ x, y ]) => `${(x * 300).toFixed(1)},${(y * 60).toFixed(1)}`).join(' ');
		const title = svg('title', {}, [ document.createTextNode(_('Ports in use while this page is open')) ]);

		return E('figure', { 'class': 'mape-chart' }, [
			svg('svg', { viewBox: '-1 -1 302 62', preserveAspectRatio: 'none', role: 'img' }, [
				title,
				svg('line', { x1: 0, x2: 300, y1: 12, y2: 12, 'class': 'mape-mark' }),
				svg('line', { x1: 0, x2: 300, y1: 60, y2: 60, 'class': 'mape-axis' }),
				...lines.flatMap((all, index) => all.map(line => svg('polyline', {
					points: points(line.length > 1 ? line : [ line[0], [ line[0][0] + 0.004, line[0][1] ] ]),
					'class': `mape-line mape-line-${model.protocols[index]}`
				})))
			]),
			E('figcaption', { 'class': 'mape-detail' }, [
				...model.protocols.map(protocol => E('span', { 'class': `mape-key mape-key-${protocol}` }, [ draw.protocolName(protocol) ])),
				_('Ports in use while this page is open; the dashed line is 80 %.')
			])
		]);
	},

	// The devices with the most connections, by name where one is known.
	hosts(status, names) {
		const hosts = model.hosts(status);

		if (hosts === null)
			return draw.known(null);

		if (!hosts.length)
			return E('em', {}, [ _('none') ]);

		return E('ul', { 'class': 'mape-hosts' }, hosts.map(({ address, connections }) => {
			const name = address === status?.line?.ipv4 ? _('this router') : names?.(address);

			return E('li', {}, [ E('strong', {}, [ name ?? address ]), name ? ` (${address})` : '', `: ${connections}` ]);
		}));
	}
});
