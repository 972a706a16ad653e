// Texts for translation: `node i18n.js` compares the template with the source and each catalogue
// with the template; `node i18n.js --write` rewrites the template and puts the catalogues in its
// order.
//
// A catalogue must be complete: a missing, empty or surplus entry is an error, and so are different
// placeholders.

import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { parse } from 'espree';

const ROOT = fileURLToPath(new URL('../../luci-app-mape/', import.meta.url));
const TEMPLATE = join(ROOT, 'po/templates/mape.pot');
const HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8"\n';

function* files(directory) {
	for (const name of readdirSync(directory).sort()) {
		const path = join(directory, name);

		if (statSync(path).isDirectory())
			yield* files(path);
		else
			yield path;
	}
}

function* nodes(node) {
	if (Array.isArray(node)) {
		for (const child of node)
			yield* nodes(child);
	}
	else if (node && typeof node.type === 'string') {
		yield node;
		for (const key in node)
			if (key !== 'loc')
				yield* nodes(node[key]);
	}
}

/** LuCI looks a text up with its blanks collapsed. */
function collapsed(text) {
	return text.replace(/\s+/g, ' ').trim();
}

/** What stands between a context and its text. */
const BETWEEN = '\u0004';

/** All texts of the sources, each behind its context if it has one, with the places they are in. */
function extract() {
	const found = new Map();
	const add = (text, path, line, context) => {
		if (collapsed(text) === '')
			throw new Error(`${path}:${line}: an empty text`);

		const key = context ? context + BETWEEN + collapsed(text) : collapsed(text);

		found.set(key, [...(found.get(key) ?? []), `${path.slice(ROOT.length)}:${line}`]);
	};

	for (const path of [...files(join(ROOT, 'htdocs')), ...files(join(ROOT, 'root'))]) {
		if (path.endsWith('.js')) {
			const program = parse(readFileSync(path, 'utf8'), { ecmaVersion: 'latest', loc: true, ecmaFeatures: { globalReturn: true } });

			for (const node of nodes(program)) {
				if (node.type !== 'CallExpression' || node.callee.name !== '_')
					continue;

				const [text, context, more] = node.arguments;

				if (typeof text?.value !== 'string' || more || (context && typeof context.value !== 'string'))
					throw new Error(`${path}:${node.loc.start.line}: _() with something else than a literal, and one for its context`);
				add(text.value, path, node.loc.start.line, context?.value);
			}
		}
		else if (path.endsWith('.json')) {
			readFileSync(path, 'utf8').split('\n').forEach((line, index) => {
				const match = line.match(/^\s*"(title|description)": "(.*?)",?$/);

				if (match)
					add(match[2], path, index + 1);
			});
		}
	}

	return found;
}

function quoted(text) {
	return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}

/** Entries of a catalogue in the form that this file writes. */
function entries(path) {
	const found = new Map();
	let key = null;
	let context = '';

	for (const line of readFileSync(path, 'utf8').split('\n')) {
		const match = line.match(/^(msgctxt|msgid|msgstr) (".*")$/);

		if (match) {
			const text = JSON.parse(match[2]);

			if (match[1] === 'msgctxt') {
				context = text + BETWEEN;
			}
			else if (match[1] === 'msgid') {
				key = context + text;
				context = '';
			}
			else if (found.has(key))
				throw new Error(`${path}: twice: ${key}`);
			else
				found.set(key, text);
		}
		else if (line !== '' && !line.startsWith('#')) {
			// The head of a catalogue goes on over several lines.
			if (key !== '')
				throw new Error(`${path}: not understood: ${line}`);
		}
	}
	found.delete('');

	return found;
}

function head(path) {
	return `${readFileSync(path, 'utf8').split('\n\n')[0]}\n`;
}

function written(header, texts, translate) {
	const parts = [...texts].sort(([, [a]], [, [b]]) => a.localeCompare(b, 'en', { numeric: true })).map(([key, places]) => {
		const [text, context] = key.split(BETWEEN).reverse();

		return [...places.map(place => `#: ${place}`), ...context ? [`msgctxt ${quoted(context)}`] : [], `msgid ${quoted(text)}`, `msgstr ${quoted(translate(key))}`, ''].join('\n');
	});

	return [header, ...parts].join('\n');
}

function placeholders(text) {
	return (text.match(/%[a-z]|\{[a-z]+\}/g) ?? []).sort().join(' ');
}

const texts = extract();
const template = written(HEADER, texts, () => '');
const catalogues = readdirSync(join(ROOT, 'po')).filter(name => name !== 'templates').map(name => join(ROOT, 'po', name, 'mape.po'));
const problems = [];

if (process.argv.includes('--write')) {
	writeFileSync(TEMPLATE, template);
	for (const path of catalogues) {
		const known = entries(path);

		writeFileSync(path, written(head(path), texts, text => known.get(text) ?? ''));
	}
}
else if (readFileSync(TEMPLATE, 'utf8') !== template) {
	problems.push(`${TEMPLATE} is not what the sources say: run \`node tests/luci/i18n.js --write\``);
}

for (const path of catalogues) {
	const known = entries(path);

	for (const text of texts.keys()) {
		const translation = known.get(text);

		if (!translation)
			problems.push(`${path}: not translated: ${text.replace(BETWEEN, ': ')}`);
		else if (placeholders(text) !== placeholders(translation))
			problems.push(`${path}: other placeholders: ${text.replace(BETWEEN, ': ')}`);
	}
	for (const text of known.keys())
		if (!texts.has(text))
			problems.push(`${path}: no source file has: ${text.replace(BETWEEN, ': ')}`);
}

console.log(`${texts.size} texts, ${catalogues.length} catalogue(s), ${problems.length} problem(s)`);
for (const problem of problems)
	console.error(problem);
process.exitCode = problems.length ? 1 : 0;
