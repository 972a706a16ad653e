'use strict';

// lmo.js CATALOGUE FILE: writes a catalogue in the format that LuCI's dispatcher reads. For the
// package, the image builder's own tool does this; it runs on the build machine only.

const fs = require('fs');
const po = require('../po.js');

// Hsieh's SuperFastHash over the bytes of a key; LuCI finds texts by it.
function hash(text) {
	const bytes = Buffer.from(text, 'utf8');
	const word = at => bytes[at] | bytes[at + 1] << 8;
	const rest = bytes.length & 3;
	const whole = bytes.length - rest;
	let sum = bytes.length;

	for (let at = 0; at < whole; at += 4) {
		sum = sum + word(at) | 0;
		sum = sum << 16 ^ word(at + 2) << 11 ^ sum;
		sum = sum + (sum >>> 11) | 0;
	}

	if (rest === 3) {
		sum = sum + word(whole) | 0;
		sum ^= sum << 16;
		sum ^= bytes.readInt8(whole + 2) << 18;
		sum = sum + (sum >>> 11) | 0;
	}
	else if (rest === 2) {
		sum = sum + word(whole) | 0;
		sum ^= sum << 11;
		sum = sum + (sum >>> 17) | 0;
	}
	else if (rest === 1) {
		sum = sum + bytes.readInt8(whole) | 0;
		sum ^= sum << 10;
		sum = sum + (sum >>> 1) | 0;
	}

	sum ^= sum << 3;
	sum = sum + (sum >>> 5) | 0;
	sum ^= sum << 4;
	sum = sum + (sum >>> 17) | 0;
	sum ^= sum << 25;
	sum = sum + (sum >>> 6) | 0;

	return sum >>> 0;
}

function compile(catalogue) {
	const values = [];
	const index = [];
	let offset = 0;

	for (const { context, id, plural, texts } of po.read(catalogue)) {
		if (!id)
			continue;

		texts.forEach((text, number) => {
			const base = context === undefined ? id : `${context}\x01${id}`;
			const key = plural === undefined ? base : `${base}\x02${number}`;
			const bytes = Buffer.from(text, 'utf8');

			if (!text)
				return;

			index.push([ hash(key), texts.length, offset, bytes.length ]);
			values.push(bytes, Buffer.alloc(-bytes.length & 3));
			offset += bytes.length + (-bytes.length & 3);
		});
	}

	index.sort((a, b) => a[0] - b[0]);

	const numbers = [ ...index.flat(), offset ];
	const tail = Buffer.alloc(numbers.length * 4);

	numbers.forEach((number, at) => tail.writeUInt32BE(number, at * 4));

	return Buffer.concat([ ...values, tail ]);
}

const [ from, to ] = process.argv.slice(2);

fs.writeFileSync(to, compile(fs.readFileSync(from, 'utf8')));
