// @ts-check
// Elements, icons and the small words around them.

const ICONS = {
	send: 'M12 19V5m-6 6 6-6 6 6',
	attach: 'M20 11.5 12 19.5a5 5 0 0 1-7-7l8.5-8.5a3.3 3.3 0 0 1 4.7 4.7L9.7 17.2a1.7 1.7 0 0 1-2.4-2.4l7.7-7.7',
	file: 'M14 3H7a1 1 0 0 0-1 1v16a1 1 0 0 0 1 1h10a1 1 0 0 0 1-1V7l-4-4v4h4',
	down: 'M12 5v14m-6-6 6 6 6-6',
	clock: 'M12 7v5l3 2M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17',
	one: 'm5 12.5 4.5 4.5L19 7.5',
	two: 'm2 12.5 4.5 4.5L16 7.5m-4.5 8.5 1 1L22 7.5',
	alert: 'M12 8v5m0 3.5v.01M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17',
	auto: 'M12 3.5a8.5 8.5 0 1 0 0 17zm0 0a8.5 8.5 0 0 1 0 17',
	light: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2m0 16v2M2 12h2m16 0h2M5 5l1.4 1.4m11.2 11.2L19 19m0-14-1.4 1.4M6.4 17.6 5 19',
	dark: 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5',
	close: 'M6 6l12 12M18 6 6 18',
};

/**
 * An element with properties and children.
 * @param {string} tag
 * @param {Record<string, any>} [props]
 * @param {...(Node|string|null|false)} children
 * @returns {any}
 */
export function el(tag, props, ...children) {
	/** @type {any} */
	const node = document.createElement(tag);
	for (const [name, value] of Object.entries(props ?? {})) {
		if (value == null || value === false) continue;
		if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
		else if (name in node && typeof value !== 'string') node[name] = value;
		else node.setAttribute(name, value === true ? '' : String(value));
	}
	for (const child of children) if (child || child === '') node.append(child);
	return node;
}

/** A button that submits nothing. */
export const button = (props, ...children) => el('button', { type: 'button', ...props }, ...children);

/** @param {keyof typeof ICONS} name */
export function icon(name) {
	const space = 'http://www.w3.org/2000/svg';
	const svg = document.createElementNS(space, 'svg');
	const path = document.createElementNS(space, 'path');
	svg.setAttribute('viewBox', '0 0 24 24');
	svg.setAttribute('aria-hidden', 'true');
	path.setAttribute('d', ICONS[name]);
	svg.append(path);
	return svg;
}

/**
 * A button that copies a text and says so.
 * @param {() => string} text
 */
export function copier(text) {
	const node = button({ class: 'copy', onclick: copy }, 'Copy');
	async function copy() {
		try {
			await navigator.clipboard.writeText(text());
			node.textContent = 'Copied';
		} catch {
			node.textContent = 'Select it and press Ctrl+C';
		}
		setTimeout(() => (node.textContent = 'Copy'), 2000);
	}
	return node;
}

export function command(text) {
	return el('span', { class: 'command' }, el('code', {}, text), copier(() => text));
}

/** @param {number} at */
export const clock = (at) => new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
/** @param {number} at */
export const dayKey = (at) => new Date(at).toDateString();

/** @param {number} at */
export function dayName(at) {
	const [day, today, before] = [new Date(at), new Date(), new Date()];
	before.setDate(today.getDate() - 1);
	if (dayKey(at) === today.toDateString()) return 'Today';
	if (dayKey(at) === before.toDateString()) return 'Yesterday';
	const year = day.getFullYear() === today.getFullYear() ? undefined : 'numeric';
	return day.toLocaleDateString([], { weekday: 'long', day: 'numeric', month: 'long', year });
}

/** @param {number} [bytes] */
export function size(bytes) {
	if (bytes == null) return '';
	if (bytes < 1024) return `${bytes} B`;
	const units = ['kB', 'MB', 'GB'];
	let [value, unit] = [bytes / 1024, 0];
	while (value >= 1000 && unit < 2) [value, unit] = [value / 1024, unit + 1];
	return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function freshId() {
	return crypto.getRandomValues(new Uint8Array(12)).reduce((id, byte) => id + byte.toString(16).padStart(2, '0'), '');
}

/**
 * This window's own memory. A browser that keeps none is fine.
 * @param {string} key
 * @param {any} [value]
 */
export function remember(key, value) {
	try {
		if (value === undefined) return JSON.parse(sessionStorage.getItem(`chatbox.${key}`) ?? 'null');
		sessionStorage.setItem(`chatbox.${key}`, JSON.stringify(value));
	} catch { /* a private window */ }
	return value ?? null;
}
