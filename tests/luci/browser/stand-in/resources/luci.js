'use strict';

// The parts of LuCI that our modules use in a browser: loader, classes, nodes, texts. It behaves as
// LuCI does where our faults would show: a string as a bare child is markup, strings in an array
// are text.

(() => {
	const page = JSON.parse(document.getElementById('stand-in').textContent);

	class Base {
		constructor(...words) {
			this.__init__?.(...words);
		}

		super(name, words) {
			return Object.getPrototypeOf(Object.getPrototypeOf(this))[name]?.apply(this, words);
		}

		static extend(members) {
			const made = class extends this {};

			Object.defineProperties(made.prototype, Object.getOwnPropertyDescriptors(members));

			return made;
		}
	}

	function append(node, children) {
		if (Array.isArray(children))
			children.forEach(child => {
				if (child instanceof Node)
					node.appendChild(child);
				else if (child !== null && child !== undefined)
					node.appendChild(document.createTextNode(`${child}`));
			});
		else if (children instanceof Node)
			node.appendChild(children);
		else if (children !== null && children !== undefined)
			node.innerHTML = `${children}`;

		return node;
	}

	const dom = {
		append,
		content(node, children) {
			node.replaceChildren();

			return append(node, children);
		}
	};

	function E(tag, attributes, children) {
		const node = document.createElement(tag);

		for (const [ name, value ] of Object.entries(attributes ?? {})) {
			if (typeof value === 'function')
				node.addEventListener(name, value);
			else if (value !== null && value !== undefined)
				node.setAttribute(name, Array.isArray(value) ? value.join(' ') : value);
		}

		return append(node, children);
	}

	class View extends Base {
		__init__() {
			const place = document.getElementById('view');

			Promise.resolve(this.load?.()).then(loaded => this.render(loaded)).then(node => dom.content(place, [ node, ...this.footer() ]), error => {
				dom.content(place, [ `error: ${error}` ]);
				throw error;
			});
		}

		// Below pages that have not said that there is nothing to save.
		footer() {
			return this.handleSaveApply === null || !page.mayWrite ? [] : [ E('div', { 'class': 'cbi-page-actions' }, [
				E('button', { 'class': 'btn cbi-button-apply', 'click': () => this.handleSaveApply() }, [ 'Save & Apply' ])
			]) ];
		}

		handleSaveApply() {
			return Promise.all([ L.require('uci'), L.require('ui') ]).then(([ uci, ui ]) => uci.save().then(() => ui.changes.apply()));
		}
	}

	const poll = {
		add(look, seconds = 5) {
			look();
			window.setInterval(look, seconds * 1000);
		}
	};

	const rpc = {
		declare({ object, method, params = [], expect, reject }) {
			return (...words) => fetch('/ubus/', {
				method: 'POST',
				body: JSON.stringify({
					jsonrpc: '2.0', id: 1, method: 'call',
					params: [ page.session, object, method, Object.fromEntries(params.map((name, at) => [ name, words[at] ]).filter(([ , value ]) => value !== undefined)) ]
				})
			}).then(answer => answer.json()).then(({ result, error }) => {
				const failed = error ? error.message : result[0] ? `ubus code ${result[0]}` : null;

				if (failed && reject)
					throw new Error(`RPC call to ${object}/${method} failed: ${failed}`);

				const [ name, otherwise ] = Object.entries(expect ?? { '': null })[0];
				const value = name ? result?.[1]?.[name] : result?.[1];

				return value ?? otherwise;
			});
		}
	};

	const loaded = { baseclass: Base, dom, view: View, poll, rpc };

	async function load(name) {
		const text = await fetch(`/luci-static/resources/${name.replaceAll('.', '/')}.js`).then(answer => answer.ok ? answer.text() : Promise.reject(new Error(`there is no module ${name}`)));
		const wanted = [ ...text.matchAll(/^'require (\S+)(?: as (\S+))?';$/gm) ].map(([ , module, alias ]) => [ alias ?? module.split('.').pop(), module ]);
		const modules = await Promise.all(wanted.map(([ , module ]) => L.require(module)));
		const made = new Function('E', 'L', '_', 'N_', ...wanted.map(([ alias ]) => alias), `${text}\n//# sourceURL=${name}.js`)(E, L, _, N_, ...modules);

		return typeof made === 'function' && made.prototype instanceof Base && !made.keepClass ? new made() : made;
	}

	const L = {
		require(name) {
			loaded[name] ??= load(name);

			return Promise.resolve(loaded[name]);
		},
		resolveDefault: (promise, otherwise) => Promise.resolve(promise).catch(() => otherwise),
		hasViewPermission: () => page.mayWrite,
		resource: name => `/luci-static/resources/${name}`,
		url: (...parts) => `/cgi-bin/luci/${parts.join('/')}`,
		page
	};

	function _(text, context) {
		return page.texts[context ? `${context}\u0001${text}` : text] ?? text;
	}

	function N_(number, one, many) {
		return number === 1 ? _(one) : _(many);
	}

	// As much of LuCI's own as we use.
	String.prototype.format = function(...words) {
		return this.replace(/%(?:1024\.2mB|t|[sdhq%])/g, directive => {
			if (directive === '%%')
				return '%';

			const value = words.shift();

			if (directive === '%t')
				return `${Math.floor(value / 3600)}h ${Math.floor(value / 60) % 60}m ${value % 60}s`;
			if (directive === '%1024.2mB')
				return value < 1024 ? `${value} B` : `${(value / 1024).toFixed(2)} KiB`;

			return directive === '%h' ? `${value}`.replace(/[&<>"']/g, it => `&#${it.charCodeAt(0)};`) : `${value}`;
		});
	};

	Object.assign(window, { E, L, _, N_ });
	document.addEventListener('DOMContentLoaded', () => L.require(page.module));
})();
