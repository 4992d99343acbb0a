// @ts-check
// <chatbox-chat>: one conversation over one socket.

import { button, clock, command, dayKey, dayName, el, freshId, icon, remember, size } from './dom.js';
import { show } from './markup.js';
import { Wire } from './wire.js';

/**
 * @typedef {{role: 'person'|'agent'|'system', id?: string, name?: string}} From
 * @typedef {{name: string, mime: string, size?: number, id?: string, url?: string, failed?: string}} Attached
 * @typedef {{seq: number, at: number, from: From, kind: string, client_id?: string, target?: number,
 *   markup?: any[], attachments?: Attached[], choices?: string[], reply_to?: {seq?: number}, emoji?: string[]}} Line
 * @typedef {{client_id: string, text: string, files: Attached[], at: number, reply_to?: number, failed?: string}} Unsent
 * @typedef {{text_bytes: number, upload_bytes: number, files: number}} Bounds
 */

const IMAGES = /^image\/(png|jpeg|gif|webp|avif)$/;
const NEAR = 96;
const STALE_DRAFT = 120_000;

class Chat extends HTMLElement {
	connectedCallback() {
		if (this.wire) return;
		this.me = /** @type {string|null} */ (remember('me'));
		this.device = remember('device') ?? remember('device', freshId());
		/** @type {Unsent[]} */
		this.unsent = remember('unsent') ?? [];
		/** @type {Map<number, {line: Line, node: any}>} */
		this.lines = new Map();
		/** @type {Map<string, any>} */
		this.waiting = new Map();
		/** @type {{file: File, done?: Attached, failed?: string, node: any, request?: XMLHttpRequest}[]} */
		this.uploads = [];
		/** @type {Bounds} */
		this.bounds = { text_bytes: 200_000, upload_bytes: 20 * 1024 * 1024, files: 10 };
		this.after = /** @type {number|null} */ (null);
		this.positions = { handed: 0, seen: 0 };
		this.unread = 0;
		this.told = 0;
		this.build();
		this.follow();
		this.unsent.forEach((entry) => this.showUnsent(entry));
		this.wire = new Wire(this);
		this.wire.open();
	}

	disconnectedCallback() {
		this.wire?.stop();
		this.abort?.abort();
	}

	// -- Building --

	build() {
		this.stateText = el('span', { class: 'state', role: 'status' }, 'Connecting…');
		this.themeButton = button({ class: 'quiet', onclick: () => this.nextTheme() });
		const name = el('h1', {}, el('img', { src: '/chat/assets/icon.svg', alt: '', width: '22', height: '22' }), 'chatbox');
		const header = el('header', {}, name, this.stateText, this.themeButton);

		this.top = el('div', { class: 'top' });
		this.log = el('div', { class: 'log', role: 'log', 'aria-live': 'polite', 'aria-label': 'Conversation' });
		this.draftArea = el('div', { class: 'draft-area', 'aria-live': 'off' });
		this.tail = el('div', { class: 'log tail', role: 'group', 'aria-label': 'Not sent yet' });
		this.empty = this.buildEmpty();
		this.signIn = this.buildSignIn();
		const title = el('h2', { class: 'hide' }, 'Conversation');
		const column = el('div', { class: 'column' }, title, this.top, this.empty, this.signIn, this.log, this.draftArea, this.tail);
		this.scroller = el('main', { class: 'scroll', tabindex: '-1' }, column);
		this.column = column;
		this.jump = button({ class: 'jump', hidden: true, onclick: () => this.toBottom(true) }, icon('down'), el('span', {}, 'Newest'));
		this.append(header, this.scroller, this.buildComposer());
		this.setTheme(localStorage.getItem('chatbox.theme') ?? 'auto');
	}

	buildEmpty() {
		return el('section', { class: 'empty', hidden: true, 'aria-label': 'Welcome' },
			el('h2', {}, 'It answers here.'),
			el('p', {}, 'Write something below and press Enter. What you send is kept, and so is the answer: close this page whenever you like.'),
			el('p', {}, 'Take it with you: the same agent can answer on your phone.'),
			command('chatbox channels add telegram'));
	}

	buildComposer() {
		this.box = el('textarea', {
			rows: '1', id: 'say', placeholder: 'Write a message', 'aria-label': 'Message', 'aria-describedby': 'hint note',
			enterkeyhint: 'send', autofocus: true,
		});
		this.box.value = remember('text') ?? '';
		this.picker = el('input', { type: 'file', multiple: true, hidden: true });
		this.chips = el('ul', { class: 'chips', 'aria-label': 'Attached files' });
		this.note = el('p', { id: 'note', class: 'note', role: 'alert' });
		this.sendButton = el('button', { type: 'submit', class: 'send', 'aria-label': 'Send' }, icon('send'));
		const attach = button({ class: 'quiet', 'aria-label': 'Attach files', onclick: () => this.picker.click() }, icon('attach'));
		const row = el('div', { class: 'row' }, attach, this.box, this.sendButton);
		const hint = el('p', { id: 'hint', class: 'hint' }, el('kbd', {}, 'Enter'), ' sends  ', el('kbd', {}, 'Shift Enter'), ' new line  ', el('kbd', {}, '/'), ' to write');
		this.form = el('form', { class: 'composer', 'aria-label': 'Write' }, this.picker, this.chips, row);
		return (this.footer = el('footer', {}, this.jump, this.note, this.form, hint));
	}

	buildSignIn() {
		return el('section', { class: 'card sign-in', hidden: true, 'aria-label': 'Sign in' },
			el('h2', {}, 'You are not signed in'),
			el('p', {}, 'On the machine that runs chatbox, run this and open the link it prints:'),
			command('chatbox login-link'),
			el('p', {}, button({ class: 'primary', onclick: () => this.wire?.open() }, 'I did, try again')));
	}

	/** Listens to the person. */
	follow() {
		this.abort = new AbortController();
		const { signal } = this.abort;
		const on = (target, type, then) =>
			target.addEventListener(type, then, { signal });
		on(this.form, 'submit', (event) => { event.preventDefault(); this.submit(); });
		on(this.box, 'input', () => this.written());
		on(this.box, 'keydown', (event) => this.key(event));
		on(this.box, 'paste', (event) => this.paste(event));
		on(this.picker, 'change', () => { this.attach([...this.picker.files]); this.picker.value = ''; });
		on(this.scroller, 'scroll', () => this.scrolled());
		for (const type of ['wheel', 'touchmove', 'pointerdown', 'keydown']) on(document, type, () => (this.hand = Date.now()));
		on(document, 'keydown', (event) => this.pageKey(event));
		on(document, 'visibilitychange', () => this.attend());
		on(window, 'focus', () => this.attend());
		on(window, 'online', () => this.wire?.open());
		on(window, 'offline', () => this.wire?.drop());
		this.followDrops(on);
		new ResizeObserver(() => this.near && this.toBottom()).observe(this.column);
		new ResizeObserver(() => this.near && this.toBottom()).observe(this.scroller);
		new IntersectionObserver(([seen]) => seen.isIntersecting && this.older(), { root: this.scroller, rootMargin: '400px' }).observe(this.top);
		this.near = true;
		this.hand = 0;
		this.grow();
		this.box.focus();
	}

	/** @param {Function} on */
	followDrops(on) {
		let depth = 0;
		const files = (event) => event.dataTransfer?.types.includes('Files');
		const over = (now) => { depth = Math.max(0, now); this.classList.toggle('dropping', depth > 0); };
		on(document, 'dragenter', (event) => { if (files(event)) { event.preventDefault(); over(depth + 1); } });
		on(document, 'dragover', (event) => files(event) && event.preventDefault());
		on(document, 'dragleave', (event) => files(event) && over(depth - 1));
		on(document, 'drop', (event) => {
			if (!files(event)) return;
			event.preventDefault();
			over(0);
			this.attach([...event.dataTransfer.files]);
		});
	}

	// -- What the wire asks and says --

	resume() {
		return { after: this.after ?? undefined, device: this.device };
	}

	newDevice() {
		this.device = remember('device', freshId());
	}

	/** @param {string} name @param {string} words */
	state(name, words) {
		this.dataset.state = name;
		if (this.stateText.textContent !== words) this.stateText.textContent = words;
		if (name === 'connecting') this.signIn.hidden = true;
		this.footer.hidden = !this.signIn.hidden;
	}

	signedOut() {
		this.state('signed-out', 'Not signed in');
		this.signIn.hidden = false;
		this.footer.hidden = this.empty.hidden = true;
	}

	lost() {
		this.sending = null;
		this.asking = false;
		clearTimeout(this.resendTimer);
		this.typing(false);
		this.unsent.forEach((entry) => this.mark(entry));
	}

	hear(frame) {
		switch (frame.type) {
			case 'welcome': return this.welcome(frame);
			case 'line': return this.keepPlace(() => this.line(frame));
			case 'lines': return this.history(frame);
			case 'ack': return this.acked(frame);
			case 'positions': return this.moved(frame);
			case 'typing': return this.typing(frame.on, frame.for_ms);
			case 'draft': return this.keepPlace(() => this.drafted(frame));
			case 'error': return this.refused(frame);
		}
	}

	welcome(frame) {
		this.bounds = frame.limits;
		const another = this.me && this.me !== frame.you.id;
		if (another) this.forget();
		this.me = remember('me', frame.you.id);
		if (another && frame.sync !== 'full') return location.reload();
		if (frame.sync === 'full') this.clear(frame.more);
		this.keepPlace(() => frame.lines.forEach((line) => this.line(line)));
		if (frame.sync === 'full') this.toBottom(true);
		this.moved(frame.positions);
		this.settleEmpty();
		this.next();
		this.attend();
	}

	clear(more) {
		this.lines.clear();
		this.log.replaceChildren();
		this.endDraft();
		this.after = null;
		this.more = more;
	}

	/** Somebody else signed in here: nothing of the one before is shown or sent. */
	forget() {
		this.unsent = remember('unsent', []);
		this.tail.replaceChildren();
		this.waiting.clear();
	}

	settleEmpty() {
		this.empty.hidden = this.lines.size > 0 || this.unsent.length > 0 || this.more;
	}

	// -- Lines --

	/** @param {Line} line */
	line(line) {
		this.after = Math.max(this.after ?? 0, line.seq);
		if (this.lines.has(line.seq)) return;
		if (this.about(line)) return;
		const node = this.adopt(line) ?? this.lineNode(line);
		this.lines.set(line.seq, { line, node });
		this.log.append(node);
		this.separate(node);
		this.settleEmpty();
		if (line.from.role !== 'person') this.notice();
	}

	/**
	 * Edits, deletions and reactions change a line instead of being one.
	 * @param {Line} line
	 */
	about(line) {
		if (line.kind === 'message' || line.kind === 'action') return false;
		const target = line.target == null ? null : this.lines.get(line.target);
		if (line.kind === 'edit' && target) {
			show(target.node.body, line.markup ?? []);
			target.node.querySelector('.edited').hidden = false;
		} else if (line.kind === 'delete' && target) {
			target.node.body.shown = null;
			target.node.body.replaceChildren(el('p', { class: 'removed' }, 'This message was removed.'));
		} else if (line.kind === 'reaction' && target) {
			const emoji = (line.emoji ?? []).map((it) => el('span', {}, it));
			target.node.reactions.replaceChildren(...emoji);
		}
		return true;
	}

	/**
	 * The node that already shows this line: what this window sent, or the draft it completes.
	 * @param {Line} line
	 */
	adopt(line) {
		const sent = line.client_id ? this.waiting.get(line.client_id) : null;
		if (sent) {
			this.waiting.delete(line.client_id ?? '');
			this.settle(line.client_id ?? '');
			this.fill(sent, line);
			return sent;
		}
		if (line.from.role === 'person' || line.kind !== 'message') return null;
		const draft = line.from.role === 'agent' ? this.draft : null;
		if (draft) this.fill(draft, line);
		else this.endDraft();
		this.draft = null;
		clearTimeout(this.draftTimer);
		this.typing(false);
		return draft;
	}

	/** @param {Line} line */
	lineNode(line) {
		const node = this.blank(line.from.role);
		this.fill(node, line);
		return node;
	}

	blank(role) {
		const node = el('article', { class: `line ${role}` });
		node.body = el('div', { class: 'body' });
		node.files = el('div', { class: 'files' });
		node.choices = el('fieldset', { class: 'choices', 'aria-label': 'Answers' });
		node.reactions = el('div', { class: 'reactions' });
		node.time = el('time');
		node.mark = el('span', { class: 'mark' });
		node.fault = el('div', { class: 'fault' });
		const who = { person: 'You', agent: 'Agent', system: 'chatbox' }[role] ?? role;
		const meta = el('div', { class: 'meta' }, el('span', { class: 'edited', hidden: true }, 'edited'), node.time, node.mark);
		node.append(el('span', { class: 'hide' }, `${who}: `), node.body, node.files, node.choices, node.reactions, meta, node.fault);
		return node;
	}

	/** @param {any} node @param {Line} line */
	fill(node, line) {
		node.classList.remove('streaming', 'unsent');
		node.classList.toggle('action', line.kind === 'action');
		node.dataset.seq = line.seq;
		node.line = line;
		node.fault.replaceChildren();
		if (node.literal) node.body.replaceChildren();
		node.literal = false;
		show(node.body, line.markup ?? []);
		this.showFiles(node, line.attachments ?? []);
		this.showChoices(node, line);
		this.stamp(node, line.at);
		if (line.from.role === 'person') this.tick(node);
	}

	/** @param {any} node @param {number} at */
	stamp(node, at) {
		node.at = at;
		node.time.textContent = clock(at);
		node.time.dateTime = new Date(at).toISOString();
		node.time.title = new Date(at).toLocaleString();
	}

	/** Leaves files alone that are shown already. @param {Attached[]} files */
	showFiles(node, files) {
		const now = JSON.stringify(files.map((file) => [file.id, file.failed]));
		if (node.files.now === now) return;
		node.files.now = now;
		node.files.replaceChildren(...files.map((file) => this.fileNode(file)));
	}

	/** A choice is a message that answers its line, once. */
	showChoices(node, { seq, choices = [], reply_to }) {
		const choose = (text) => () => {
			node.choices.disabled = true;
			this.enqueue({ client_id: freshId(), text, files: [], at: Date.now(), reply_to: seq });
		};
		node.choices.replaceChildren(...choices.map((text) => button({ onclick: choose(text) }, text)));
		const asked = this.lines.get(reply_to?.seq);
		if (asked) asked.node.choices.disabled = true;
	}

	/** @param {Attached} file */
	fileNode(file) {
		const safe = file.url?.startsWith('/media/') || file.url?.startsWith('blob:') ? file.url : null;
		if (safe && IMAGES.test(file.mime)) {
			const image = el('img', { src: safe, alt: file.name, loading: 'lazy' });
			return safe.startsWith('blob:') ? image : el('a', { href: safe, target: '_blank', rel: 'noopener', class: 'picture' }, image);
		}
		const words = el('span', {}, el('b', {}, file.name), el('small', {}, file.failed ?? (safe ? size(file.size) : 'On its way')));
		if (!safe) return el('span', { class: 'file' }, icon('file'), words);
		return el('a', { class: 'file', href: safe, download: file.name }, icon('file'), words);
	}

	/** Puts the day's name above the first line of each day. @param {any} node */
	separate(node) {
		const before = node.previousElementSibling;
		if (before?.at && dayKey(before.at) === dayKey(node.at)) return;
		if (before && !before.at) return;
		node.before(this.day(node.at));
	}

	day(at) {
		return el('div', { class: 'day' }, el('span', {}, dayName(at)));
	}

	// -- Older lines --

	older() {
		const first = this.log.querySelector('.line[data-seq]');
		if (!this.more || this.asking || !first) return;
		this.asking = this.wire?.send({ type: 'history', before: Number(first.dataset.seq), limit: 50 });
		this.top.textContent = this.asking ? 'Loading older messages…' : '';
	}

	/** @param {{lines: Line[], more: boolean}} frame */
	history({ lines, more }) {
		this.asking = false;
		this.top.textContent = '';
		this.more = more;
		const below = this.scroller.scrollHeight - this.scroller.scrollTop;
		const older = lines.filter((line) => !this.lines.has(line.seq) && ['message', 'action'].includes(line.kind));
		const nodes = older.map((line) => {
			const node = this.lineNode(line);
			this.lines.set(line.seq, { line, node });
			return node;
		});
		this.log.prepend(...nodes);
		this.log.querySelectorAll('.day').forEach((day) => day.remove());
		let at = 0;
		for (const node of [...this.log.children]) {
			if (!at || dayKey(at) !== dayKey(node.at)) node.before(this.day(node.at));
			at = node.at;
		}
		lines.forEach((line) => this.about(line));
		this.scroller.scrollTop = this.scroller.scrollHeight - below;
		if (more && this.top.getBoundingClientRect().bottom > -200) requestAnimationFrame(() => this.older());
	}

	// -- The agent at work --

	/** @param {boolean} on @param {number} [ms] */
	typing(on, ms = 6000) {
		clearTimeout(this.typingTimer);
		if (!on) return this.dots?.remove();
		if (this.draft) return;
		this.dots ??= el('div', { class: 'dots', role: 'status' }, el('i'), el('i'), el('i'), el('span', { class: 'hide' }, 'The agent is writing'));
		this.keepPlace(() => this.draftArea.append(this.dots));
		this.typingTimer = setTimeout(() => this.dots.remove(), ms);
	}

	/** @param {{id: string, markup: any[]}} frame */
	drafted({ id, markup }) {
		this.typing(false);
		if (!this.draft || this.draft.draftId !== id) {
			this.endDraft();
			this.draft = this.blank('agent');
			this.draft.draftId = id;
			this.draft.classList.add('streaming');
			this.draftArea.append(this.draft);
		}
		show(this.draft.body, markup);
		clearTimeout(this.draftTimer);
		this.draftTimer = setTimeout(() => this.endDraft(), STALE_DRAFT);
	}

	endDraft() {
		clearTimeout(this.draftTimer);
		this.draft = null;
		this.draftArea.querySelectorAll('.line').forEach((node) => node.remove());
	}

	// -- Ticks --

	/** @param {{handed: number, seen: number}} positions */
	moved({ handed, seen }) {
		this.positions = { handed: Math.max(handed, this.positions.handed), seen: Math.max(seen, this.positions.seen) };
		this.log.querySelectorAll('.line.person').forEach((node) => this.tick(node));
	}

	tick(node) {
		const { handed, seen } = this.positions;
		const seq = node.line.seq;
		if (seq <= seen) this.sign(node, 'two', 'Seen by the agent');
		else if (seq <= handed) this.sign(node, 'one', 'Handed to the agent');
		else this.sign(node, null, 'Sent');
	}

	/** @param {any} node @param {keyof typeof ICONS | null} name @param {string} words */
	sign(node, name, words) {
		if (node.signed === words) return;
		node.signed = words;
		node.mark.title = words;
		node.mark.dataset.sign = name ?? '';
		node.mark.replaceChildren(...(name ? [icon(name)] : []), el('span', { class: 'hide' }, words));
	}

	// -- Writing --

	written() {
		this.grow();
		remember('text', this.box.value);
		this.note.textContent = '';
		if (Date.now() - this.told > 3000) {
			this.told = Date.now();
			this.wire?.send({ type: 'typing' });
		}
	}

	grow() {
		this.box.style.height = 'auto';
		this.box.style.height = `${Math.min(this.box.scrollHeight, innerHeight * 0.4)}px`;
		this.sendButton.disabled = !this.box.value.trim() && !this.uploads.length;
	}

	key(event) {
		if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
			event.preventDefault();
			this.submit();
		}
	}

	pageKey(event) {
		const target = /** @type {Element} */ (event.target);
		const writing = target.matches?.('input, textarea, [contenteditable]');
		if (event.key === '/' && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) {
			event.preventDefault();
			this.box.focus();
		}
		if (event.key === 'Escape') {
			this.note.textContent = '';
			this.toBottom(true);
			this.box.focus();
		}
	}

	paste(event) {
		const files = [...(event.clipboardData?.files ?? [])];
		if (!files.length) return;
		event.preventDefault();
		this.attach(files);
	}

	submit() {
		const text = this.box.value;
		if (this.uploads.some((upload) => !upload.done && !upload.failed)) {
			this.sendWhenReady = true;
			this.note.textContent = 'It will be sent when the files are here.';
			return;
		}
		const files = this.uploads.flatMap((upload) => (upload.done ? [upload.done] : []));
		if (!text.trim() && !files.length) return;
		if (new TextEncoder().encode(text).length > this.bounds.text_bytes) {
			this.note.textContent = `This is too long: a message holds ${size(this.bounds.text_bytes)}. Attach it as a file instead.`;
			return;
		}
		this.clearComposer();
		this.enqueue({ client_id: freshId(), text: text.trim(), files, at: Date.now() });
	}

	clearComposer() {
		this.sendWhenReady = false;
		this.note.textContent = '';
		this.box.value = '';
		remember('text', '');
		this.uploads = [];
		this.chips.replaceChildren();
		this.grow();
		this.box.focus();
	}

	/** @param {Unsent} entry */
	enqueue(entry) {
		this.unsent.push(entry);
		remember('unsent', this.unsent);
		this.showUnsent(entry);
		this.settleEmpty();
		this.toBottom(true);
		this.next();
	}

	/** @param {Unsent} entry */
	showUnsent(entry) {
		const node = this.blank('person');
		node.classList.add('unsent');
		node.literal = true;
		if (entry.text) node.body.append(el('p', { class: 'literal' }, entry.text));
		this.showFiles(node, entry.files);
		this.stamp(node, entry.at);
		this.waiting.set(entry.client_id, node);
		this.tail.append(node);
		this.mark(entry);
	}

	/** Shows how an unsent message stands. @param {Unsent} entry */
	mark(entry) {
		const node = this.waiting.get(entry.client_id);
		if (!node) return;
		node.fault.replaceChildren();
		if (!entry.failed) return this.sign(node, 'clock', this.wire?.ready ? 'Sending' : 'Will be sent when the connection is back');
		this.sign(node, 'alert', 'Not sent');
		const act = (words, onclick) => button({ onclick }, words);
		node.fault.append(el('span', {}, `Not sent: ${entry.failed}`),
			act('Try again', () => this.judge(entry)),
			act('Edit', () => this.takeBack(entry)),
			act('Remove', () => this.remove_(entry)));
	}

	/** @param {Unsent} entry @param {string} [failed] */
	judge(entry, failed) {
		entry.failed = failed;
		remember('unsent', this.unsent);
		this.mark(entry);
		this.next();
	}

	/** @param {Unsent} entry */
	takeBack(entry) {
		this.remove_(entry);
		this.box.value = [entry.text, this.box.value].filter(Boolean).join('\n');
		this.written();
		this.box.focus();
	}

	/** @param {Unsent} entry */
	remove_(entry) {
		this.waiting.get(entry.client_id)?.remove();
		this.waiting.delete(entry.client_id);
		this.settle(entry.client_id);
		this.settleEmpty();
	}

	/** A message is no longer unsent. @param {string} clientId */
	settle(clientId) {
		this.unsent = this.unsent.filter((entry) => entry.client_id !== clientId);
		remember('unsent', this.unsent);
		if (this.sending === clientId) {
			this.sending = null;
			queueMicrotask(() => this.next());
		}
	}

	/** Sends the oldest unsent message: one at a time, so that nothing overtakes. */
	next() {
		if (this.sending || !this.wire?.ready) return;
		const entry = this.unsent.find((it) => !it.failed);
		if (!entry) return;
		const { client_id, text, files, reply_to } = entry;
		if (this.wire.send({ type: 'message', client_id, text, attachments: files.map((file) => file.id), reply_to })) {
			this.sending = client_id;
			this.mark(entry);
		}
	}

	/** It is on disk. Its node stays until the line itself comes. @param {{client_id: string, seq: number}} frame */
	acked({ client_id, seq }) {
		const node = this.waiting.get(client_id);
		this.settle(client_id);
		if (!node) return;
		node.classList.remove('unsent');
		this.sign(node, null, 'Sent');
		if (this.lines.has(seq)) this.waiting.delete(client_id) && node.remove();
	}

	/** @param {{code: string, ref?: string, message: string, retry_after?: number}} frame */
	refused({ code, ref, message, retry_after }) {
		if (code === 'invalid_cursor') return;
		const entry = this.unsent.find((it) => it.client_id === ref);
		if (!entry) return void (this.note.textContent = retry_after ? '' : `The server said: ${message}`);
		this.sending = null;
		if (retry_after) {
			clearTimeout(this.resendTimer);
			this.resendTimer = setTimeout(() => this.next(), retry_after * 1000 + Math.random() * 250);
			return;
		}
		this.judge(entry, code === 'unknown_attachment' ? 'the server no longer has a file. Attach it again.' : message);
	}

	// -- Files --

	attach(files) {
		for (const file of files) {
			if (this.uploads.length >= this.bounds.files) {
				this.note.textContent = `A message holds at most ${this.bounds.files} files.`;
				break;
			}
			if (file.size > this.bounds.upload_bytes) {
				this.note.textContent = `${file.name} has ${size(file.size)}; at most ${size(this.bounds.upload_bytes)} can be sent.`;
				continue;
			}
			this.upload(file);
		}
		this.grow();
		this.box.focus();
	}

	upload(file) {
		const bar = el('progress', { max: '1', value: '0', 'aria-label': `Uploading ${file.name}` });
		const words = el('small', {}, size(file.size));
		const remove = button({ class: 'quiet', 'aria-label': `Remove ${file.name}`, onclick: () => this.detach(upload) }, icon('close'));
		const sign = IMAGES.test(file.type) ? el('img', { src: URL.createObjectURL(file), alt: '' }) : icon('file');
		const node = el('li', {}, sign, el('span', {}, el('b', {}, file.name || 'file'), words, bar), remove);
		const upload = { file, node, request: new XMLHttpRequest(), done: undefined, failed: undefined };
		this.uploads.push(upload);
		this.chips.append(node);
		const request = upload.request;
		request.open('POST', `/chat/media?name=${encodeURIComponent(file.name || 'file')}`);
		request.setRequestHeader('content-type', file.type || 'application/octet-stream');
		request.upload.onprogress = (event) => (bar.value = event.loaded / Math.max(1, event.total));
		request.onloadend = () => this.uploaded(upload, bar, words);
		request.send(file);
	}

	uploaded(upload, bar, words) {
		bar.remove();
		const { request, node } = upload;
		if (request.status === 201) {
			upload.done = JSON.parse(request.responseText);
		} else {
			let detail = 'the connection was lost';
			try { detail = JSON.parse(request.responseText).detail; } catch { /* no answer */ }
			upload.failed = detail;
			node.classList.add('failed');
			words.textContent = `Not uploaded: ${detail} `;
			words.append(button({ onclick: () => { this.detach(upload); this.upload(upload.file); } }, 'Try again'));
			this.sendWhenReady = false;
			this.note.textContent = '';
		}
		this.grow();
		if (this.sendWhenReady) this.submit();
	}

	detach(upload) {
		upload.request.onloadend = null;
		upload.request.abort();
		upload.node.remove();
		this.uploads = this.uploads.filter((it) => it !== upload);
		this.grow();
		this.box.focus();
	}

	// -- Where the reader is --

	/** Only the person's own hand leaves the end; a picture that grows does not. */
	scrolled() {
		const left = this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight;
		if (left >= NEAR && this.near && Date.now() - this.hand > 1000) return this.toBottom();
		this.near = left < NEAR;
		this.jump.hidden = this.near;
		if (this.near) this.attend();
	}

	/** Changes the log; who was at its end stays there. @param {() => void} change */
	keepPlace(change) {
		const near = this.near;
		change();
		if (near) this.toBottom();
		else if (this.scroller.scrollHeight > this.scroller.clientHeight) this.jump.hidden = false;
	}

	/** @param {boolean} [always] */
	toBottom(always) {
		if (always) this.near = true;
		this.scroller.scrollTop = this.scroller.scrollHeight;
		this.jump.hidden = true;
	}

	notice() {
		if (document.visibilityState === 'visible' && document.hasFocus() && this.near) return this.attend();
		this.unread += 1;
		document.title = `(${this.unread}) chatbox`;
	}

	/** The person looks: what is in view is seen. */
	attend() {
		if (document.visibilityState !== 'visible') return;
		if (['waiting', 'signed-out'].includes(this.dataset.state ?? '')) this.wire?.open();
		if (!this.near || !document.hasFocus()) return;
		this.unread = 0;
		document.title = 'chatbox';
		if (this.after && this.after > (this.seen ?? 0) && this.wire?.send({ type: 'seen', seq: this.after })) this.seen = this.after;
	}

	// -- Light and dark --

	nextTheme() {
		this.setTheme({ auto: 'light', light: 'dark' }[this.theme] ?? 'auto');
		localStorage.setItem('chatbox.theme', this.theme);
	}

	setTheme(theme) {
		this.theme = ['light', 'dark'].includes(theme) ? theme : 'auto';
		document.documentElement.dataset.theme = this.theme;
		const words = { auto: 'Colours follow the system', light: 'Light colours', dark: 'Dark colours' }[this.theme] ?? '';
		this.themeButton.replaceChildren(icon(/** @type {any} */ (this.theme)));
		this.themeButton.title = words;
		this.themeButton.setAttribute('aria-label', `${words}. Change`);
	}
}

customElements.define('chatbox-chat', Chat);
