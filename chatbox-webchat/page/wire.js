// @ts-check
// One socket, kept open: tickets, waits between tries, silence. What is said is its owner's business.

const SILENCE = 25_000;

/** Says what it hears to its owner. */
export class Wire {
	constructor(owner) {
		this.owner = owner;
		this.socket = /** @type {WebSocket|null} */ (null);
		this.losses = 0;
		this.ready = false;
		this.stopped = false;
		this.timers = /** @type {Record<string, number>} */ ({});
	}

	async open() {
		if (this.socket || this.opening || this.stopped) return;
		clearTimeout(this.timers.retry);
		clearInterval(this.timers.count);
		this.opening = true;
		if (this.owner.dataset.state !== 'signed-out') this.connecting();
		try {
			const ticket = await this.ticket();
			if (ticket) this.connect(ticket);
		} catch {
			this.retry();
		} finally {
			this.opening = false;
		}
	}

	connecting() {
		this.owner.state('connecting', this.losses ? 'Reconnecting…' : 'Connecting…');
	}

	/** A one-use ticket, or nothing for somebody who is not signed in. */
	async ticket() {
		const answer = await fetch('/chat/ticket', { method: 'POST', credentials: 'same-origin', cache: 'no-store' });
		if (answer.status === 401 || answer.status === 403) {
			this.owner.signedOut();
			return null;
		}
		if (!answer.ok) throw new Error(String(answer.status));
		return (await answer.json()).ticket;
	}

	/** @param {string} ticket */
	connect(ticket) {
		this.connecting();
		const base = location.origin.replace(/^http/, 'ws');
		const socket = new WebSocket(`${base}/chat/ws`, 'chatbox.v1');
		this.socket = socket;
		const { after, device } = this.owner.resume();
		socket.onopen = () => socket.send(JSON.stringify({ type: 'hello', ticket, after, device }));
		socket.onmessage = (event) => this.heard(JSON.parse(event.data));
		socket.onclose = (event) => this.closed(socket, event.code);
		this.listen();
	}

	heard(frame) {
		this.listen();
		if (frame.type === 'welcome') {
			this.losses = 0;
			this.ready = true;
			this.owner.state('connected', 'Connected');
		}
		if (frame.type !== 'pong') this.owner.hear(frame);
	}

	/** Asks after a silence; a second silence is a loss. */
	listen() {
		clearTimeout(this.timers.silence);
		this.timers.silence = setTimeout(() => {
			this.send({ type: 'ping' });
			this.timers.silence = setTimeout(() => this.drop(), 10_000);
		}, SILENCE);
	}

	/** @param {object} frame */
	send(frame) {
		if (!this.ready || this.socket?.readyState !== WebSocket.OPEN) return false;
		this.socket.send(JSON.stringify(frame));
		return true;
	}

	drop() {
		const socket = this.socket;
		if (socket) {
			socket.close();
			this.closed(socket, 1006);
		}
	}

	/** @param {WebSocket} socket @param {number} code */
	closed(socket, code) {
		if (socket !== this.socket) return;
		socket.onclose = socket.onmessage = null;
		this.socket = null;
		this.ready = false;
		clearTimeout(this.timers.silence);
		this.owner.lost();
		if (code === 4409) this.owner.newDevice();
		if (code === 4429) return this.retry(30, 'Too many windows are open. Close one');
		this.retry(code === 1008 ? 10 : 0);
	}

	/**
	 * Tries again, later and later, never together with everybody else.
	 * @param {number} [least] seconds
	 * @param {string} [why]
	 */
	retry(least = 0, why = 'Not connected') {
		if (this.stopped) return;
		const longest = Math.min(30, 0.5 * 2 ** this.losses);
		this.losses += 1;
		const until = Date.now() + 1000 * Math.max(least, longest * (0.5 + Math.random() / 2));
		const tell = () => {
			const left = Math.max(1, Math.round((until - Date.now()) / 1000));
			const offline = navigator.onLine ? why : 'You are offline';
			this.owner.state('waiting', `${offline}. Trying again in ${left} s`);
		};
		tell();
		clearTimeout(this.timers.retry);
		clearInterval(this.timers.count);
		this.timers.count = setInterval(tell, 1000);
		this.timers.retry = setTimeout(() => this.open(), until - Date.now());
	}

	stop() {
		this.stopped = true;
		Object.values(this.timers).forEach((timer) => clearTimeout(timer));
		this.socket?.close();
		this.socket = null;
	}
}
