'use strict';

// Texts of a host, lease, option or answer that try to become markup. If executed, each calls
// window.mapeLuciAlive, which browser.js defines.

const CALL = 'mapeLuciAlive(1)';

module.exports = [
	`<img src=x onerror=${CALL}>`,
	`<script>${CALL}</script>`,
	`"><svg onload=${CALL}>`,
	`'><b class=mape-alive>b</b>`,
	`<iframe srcdoc="<script>parent.${CALL}</script>">`,
	`<a href="javascript:${CALL}">a</a>`,
	`javascript:${CALL}`,
	`</textarea><img src=x onerror=${CALL}>`,
	`</title></style><img src=x onerror=${CALL}>`,
	`<details open ontoggle=${CALL}>`,
	`<style>@import '//192.0.2.1/x';</style>`,
	`<link rel=stylesheet href=http://192.0.2.1/x>`,
	`&lt;img src=x onerror=${CALL}&gt;`,
	`<math><mtext><img src=x onerror=${CALL}>`,
	`<template><b class=mape-alive></b></template>`,
	`\u202e<b class=mape-alive>r</b>`,
	`%s%h%q%d<b class=mape-alive>`,
	`\${${CALL}}{{${CALL}}}<%= ${CALL} %>`,
	`<input autofocus onfocus=${CALL}>`,
	`x\`;${CALL};\``,
	`__proto__`,
	`constructor`,
	`${'<b class=mape-alive>'.repeat(40)}`
];
