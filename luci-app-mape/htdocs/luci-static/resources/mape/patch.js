'use strict';
'require baseclass';

// Makes what is shown equal to a tree that was drawn again, node by node. What has not changed
// stays the same node, so that focus, selection and what is unfolded survive a poll. Listeners are
// those of the first tree: they read what they need from the node or from the page.

function alike(shown, fresh) {
	return shown.nodeType === fresh.nodeType && shown.nodeName === fresh.nodeName && shown.dataset?.key === fresh.dataset?.key;
}

// `style` is set by its text: a strict CSP refuses the attribute.
function attributes(shown, fresh) {
	for (const { name } of [ ...shown.attributes ])
		if (!fresh.hasAttribute(name) && ![ 'open', 'style' ].includes(name))
			shown.removeAttribute(name);

	for (const { name, value } of fresh.attributes)
		if (![ 'open', 'style' ].includes(name) && shown.getAttribute(name) !== value)
			shown.setAttribute(name, value);

	if (shown.style.cssText !== fresh.style.cssText)
		shown.style.cssText = fresh.style.cssText;
}

function patch(shown, fresh) {
	if (shown.nodeType !== Node.ELEMENT_NODE) {
		if (shown.data !== fresh.data)
			shown.data = fresh.data;

		return;
	}

	// A button that works shows that, until it is done.
	if (shown.classList.contains('spinning'))
		return;

	attributes(shown, fresh);

	const [ old, all ] = [ [ ...shown.childNodes ], [ ...fresh.childNodes ] ];

	all.forEach((child, at) => {
		if (!old[at])
			shown.append(child);
		else if (alike(old[at], child))
			patch(old[at], child);
		else
			old[at].replaceWith(child);
	});
	old.slice(all.length).forEach(child => child.remove());
}

return baseclass.extend({ patch });
