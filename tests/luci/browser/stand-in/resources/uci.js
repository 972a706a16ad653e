'use strict';
'require baseclass';
'require rpc';

const read = rpc.declare({ object: 'uci', method: 'get', params: [ 'config' ], expect: { values: {} }, reject: true });

const packages = {};

return baseclass.extend({
	load(names) {
		return Promise.all([].concat(names).map(name => packages[name] ??= read(name).then(values => packages[name] = values)));
	},

	sections(name, type) {
		return Object.values(packages[name] ?? {}).filter(section => !type || section['.type'] === type);
	},

	add(name, type, section) {
		packages[name][section] = { '.name': section, '.type': type };

		return section;
	},

	remove(name, section) {
		delete packages[name][section];
	},

	get(name, section, option) {
		return packages[name]?.[section]?.[option] ?? null;
	},

	set(name, section, option, value) {
		packages[name][section][option] = value;
	},

	unset(name, section, option) {
		delete packages[name]?.[section]?.[option];
	},

	save: () => Promise.resolve()
});
