// Making elements. Nothing here, or in what uses it, takes HTML as text: the page's policy forbids it.

// el makes an element. A function among the attributes listens to the event of that name; what is false, null or
// undefined is left out.
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(name, value);
    else if (value !== false && value != null) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

export const byId = (id) => document.getElementById(id);

// prose turns the descriptions of the contract into nodes: `code` is all the Markdown that they use in a line.
export function prose(text) {
  return text.trim().split('`').map((part, i) => (i % 2 ? el('code', {}, part) : part.replace(/\s+/g, ' ')));
}

export const firstSentence = (text) => /^[\s\S]*?\.(?=\s|$)/.exec(text.trim())?.[0] ?? text;

// copyButton copies what text() says. Browsers give no clipboard to pages that came over plain HTTP from another
// machine; there it says so.
export function copyButton(text, what) {
  const button = el('button', { type: 'button', class: 'quiet', 'aria-label': `Copy ${what}` }, 'Copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Select it to copy';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  });
  return button;
}
