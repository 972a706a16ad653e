'use strict';
'require baseclass';
'require rpc';

const read = rpc.declare({ object: 'uci', method: 'get', params: [ 'config' ], expect: { values: {} }, reject: true });

const change = method => rpc.declare({ object: 'uci', method, params: [ 'config', 'section', 'type', 'option', 'values' ], reject: true });
const methods = { add: change('add'), set: change('set'), delete: change('delete') };

const packages = {};
let changes = [];

return baseclass.extend({
	load(names) {
		return Promise.all([].concat(names).map(name => packages[name] ??= read(name).then(values => packages[name] = values)));
	},

	sections(name, type) {
		return Object.values(packages[name] ?? {}).filter(section => !type || section['.type'] === type);
	},

	add(name, type, section) {
		packages[name][section] = { '.name': section, '.type': type };
		changes.push([ 'add', name, section, type ]);

		return section;
	},

	remove(name, section) {
		delete packages[name][section];
		changes.push([ 'delete', name, section ]);
	},

	get(name, section, option) {
		return packages[name]?.[section]?.[option] ?? null;
	},

	set(name, section, option, value) {
		packages[name][section][option] = value;
		changes.push([ 'set', name, section, undefined, undefined, { [option]: value } ]);
	},

	unset(name, section, option) {
		delete packages[name]?.[section]?.[option];
		changes.push([ 'delete', name, section, undefined, option ]);
	},

	// They wait on the router until they are applied.
	save() {
		const all = changes;

		changes = [];

		return all.reduce((before, [ method, ...words ]) => before.then(() => methods[method](...words)), Promise.resolve());
	}
});
