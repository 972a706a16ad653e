'use strict';

// Reads a gettext catalogue: a list of { context, id, plural, texts }. Enough for our own file.

function read(text) {
	const messages = [];
	let message = null;
	let field = null;

	for (const line of text.split('\n')) {
		const [ , keyword, , rest ] = line.match(/^(msg(?:ctxt|id_plural|id|str(?:\[\d+\])?)(?=\s))?(\s*)("(?:.*)")\s*$/) ?? [];

		if (rest === undefined)
			continue;

		if (keyword === 'msgctxt' || (keyword === 'msgid' && message?.id !== undefined)) {
			message = {};
			messages.push(message);
		}
		else if (!message) {
			message = {};
			messages.push(message);
		}

		field = keyword ?? field;
		message[{ msgctxt: 'context', msgid: 'id', msgid_plural: 'plural' }[field] ?? field] =
			(message[{ msgctxt: 'context', msgid: 'id', msgid_plural: 'plural' }[field] ?? field] ?? '') + JSON.parse(rest);
	}

	return messages.map(({ context, id, plural, ...strings }) => ({
		context, id, plural, texts: Object.keys(strings).sort().map(key => strings[key])
	}));
}

module.exports = { read };
