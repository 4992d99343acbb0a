// @ts-check
// Signs in with the one-time code after the `#` of the address: browsers never send that part to a server by
// themselves, so it stays out of logs.

const form = /** @type {HTMLFormElement} */ (document.getElementById('form'));
const field = /** @type {HTMLInputElement} */ (document.getElementById('code'));
const status = /** @type {HTMLElement} */ (document.getElementById('status'));

const theme = localStorage.getItem('chatbox.theme');
if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;

/**
 * Shows a sentence and the field to try again.
 * @param {string} text
 */
function ask(text) {
	status.textContent = text;
	form.hidden = false;
	field.focus();
	field.select();
}

/**
 * What an answer's status means for the person.
 * @param {number} code
 */
function why(code) {
	if (code === 429) return 'Too many tries. Wait a few minutes, then use a new code.';
	if (code === 403) return 'This address is not the one the server expects. Open the link exactly as it was printed.';
	if (code >= 500) return 'The server cannot sign you in right now. Try again in a moment.';
	return 'This code is wrong, used or too old. Get a new one with the command below.';
}

/** @param {string} code */
async function signIn(code) {
	form.hidden = true;
	status.textContent = 'Opening your chat…';
	try {
		const answer = await fetch('/login', {
			method: 'POST',
			credentials: 'same-origin',
			headers: { 'content-type': 'application/json', accept: 'application/json' },
			body: JSON.stringify({ code }),
		});
		if (answer.ok) location.replace('/');
		else ask(why(answer.status));
	} catch {
		ask('The server does not answer. Is it running?');
	}
}

/** Uses the code in the address, once, and takes it out of the history. */
function start() {
	const code = location.hash.slice(1).trim();
	if (location.hash) history.replaceState(null, '', location.pathname);
	field.value = code;
	if (code) signIn(code);
	else ask('Enter the code that chatbox printed.');
}

form.addEventListener('submit', (event) => {
	event.preventDefault();
	signIn(field.value.trim());
});
addEventListener('hashchange', start);
start();
