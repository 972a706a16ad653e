// Loads a module of luci-app-mape as LuCI does: the file is the body of a function, and what it
// requires is handed in.

import { readFileSync } from 'node:fs';

const RESOURCES = new URL('../../../luci-app-mape/htdocs/luci-static/resources/', import.meta.url);

export const ROOT = new URL('../../../', import.meta.url);

const baseclass = { extend: methods => methods };

/** `given` are modules by the name under which the file requires them. */
export function load(path, given = {}, translate = text => text) {
	const source = readFileSync(new URL(path, RESOURCES), 'utf8');
	const names = ['baseclass', '_', 'E', 'L', ...Object.keys(given)];
	const values = [baseclass, translate, null, null, ...Object.values(given)];

	return new Function(...names, source)(...values);
}

/** A record of the program's own output, or a schema. */
export function json(path) {
	return JSON.parse(readFileSync(new URL(path, ROOT), 'utf8'));
}

export function read(path) {
	return readFileSync(new URL(path, ROOT), 'utf8');
}
