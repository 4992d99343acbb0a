// @ts-check
// The tree of a frame becomes nodes. Every text becomes a text node: no markup is ever parsed by the browser.

import { copier, el } from './dom.js';

const SCHEMES = new Set(['http:', 'https:', 'mailto:']);
const ADDRESS = /\b(https?:\/\/[^\s<>"]*[^\s<>".,;:!?'*)\]}])/i;

/**
 * The one key of a serialised variant and its value: `"break"` or `{"text": "hi"}`.
 * @param {any} node
 * @returns {[string, any]}
 */
function variant(node) {
	if (typeof node === 'string') return [node, null];
	return /** @type {any} */ (Object.entries(node ?? {})[0] ?? ['', null]);
}

/** @param {any[]} nodes @param {boolean} [linked] within a link */
function inlines(nodes, linked) {
	const all = document.createDocumentFragment();
	for (const node of nodes ?? []) all.append(inlineNode(node, linked));
	return all;
}

/**
 * Text, its bare addresses as links.
 * @param {string} text
 */
function words(text) {
	const all = document.createDocumentFragment();
	text.split(ADDRESS).forEach((part, nth) => all.append(nth % 2 && URL.canParse(part) ? anchor(part, part) : part));
	return all;
}

/** @param {string} href @param {Node|string} shown */
function anchor(href, shown) {
	const url = new URL(href).href;
	return el('a', { href: url, title: url, target: '_blank', rel: 'noopener noreferrer' }, shown);
}

function inlineNode(node, linked) {
	const [kind, value] = variant(node);
	switch (kind) {
		case 'text': return linked ? document.createTextNode(value) : words(value);
		case 'strong': return el('strong', {}, inlines(value, linked));
		case 'emphasis': return el('em', {}, inlines(value, linked));
		case 'strike': return el('s', {}, inlines(value, linked));
		case 'code': return el('code', {}, value);
		case 'break': return el('br');
		case 'link': return link(value);
		default: return document.createTextNode('');
	}
}

/**
 * A link only where it leads somewhere harmless; anything else stays text and shows its address.
 * @param {{href: string, content: any[]}} value
 */
function link({ href, content }) {
	const url = URL.canParse(href) ? new URL(href) : null;
	if (url && SCHEMES.has(url.protocol)) return anchor(href, inlines(content, true));
	return el('span', {}, inlines(content, true), el('span', { class: 'address' }, ` (${href})`));
}

/** @param {any[]} blocks */
function blocks(blocks) {
	return (blocks ?? []).map(blockNode);
}

function blockNode(node) {
	const [kind, value] = variant(node);
	switch (kind) {
		case 'paragraph': return el('p', {}, inlines(value));
		case 'heading': return el('h3', { 'data-level': value.level }, inlines(value.content));
		case 'code': return codeBlock(value);
		case 'quote': return el('blockquote', {}, ...blocks(value));
		case 'list': return list(value);
		case 'table': return table(value);
		case 'rule': return el('hr');
		default: return el('p');
	}
}

/** @param {{lang?: string, text: string}} value */
function codeBlock({ lang, text }) {
	const head = el('div', { class: 'code-head' }, el('span', {}, lang || 'text'), copier(() => text));
	const label = `Code${lang ? `, ${lang}` : ''}`;
	const pre = el('pre', { tabindex: '0', role: 'group', 'aria-label': label }, el('code', {}, text));
	return el('div', { class: 'code' }, head, pre);
}

/** @param {{start?: number, items: any[][]}} value */
function list({ start, items }) {
	const all = items.map((item) => el('li', {}, ...blocks(item)));
	return start == null ? el('ul', {}, ...all) : el('ol', { start: String(start) }, ...all);
}

/** @param {{header?: any[][], rows: any[][][]}} value */
function table({ header, rows }) {
	const row = (tag) => (cells) =>
		el('tr', {}, ...cells.map((cell) => el(tag, tag === 'th' ? { scope: 'col' } : {}, inlines(cell))));
	const head = header?.length ? el('thead', {}, row('th')(header)) : null;
	const body = el('tbody', {}, ...rows.map(row('td')));
	return el('div', { class: 'table', tabindex: '0', role: 'group', 'aria-label': 'Table' }, el('table', {}, head, body));
}

/**
 * Shows a tree in a node, leaving blocks that did not change alone: a growing reply touches its last block only.
 * @param {any} node
 * @param {any[]} tree
 */
export function show(node, tree) {
	const now = (tree ?? []).map((block) => JSON.stringify(block));
	const was = node.shown ?? [];
	now.forEach((text, nth) => {
		if (text === was[nth]) return;
		const fresh = blockNode(tree[nth]);
		if (node.children[nth]) node.children[nth].replaceWith(fresh);
		else node.append(fresh);
	});
	while (node.children.length > now.length) node.lastElementChild.remove();
	node.shown = now;
}
