(() => {
  'use strict';
  const SHOWN = 200;
  const byId = (id) => document.getElementById(id);
  const bar = byId('bar');
  const query = byId('query');
  const found = byId('found');
  const results = byId('results');
  const chips = [...document.querySelectorAll('#outcomes input')];
  let index = null;
  let hits = [];
  let chosen = -1;

  // What can be found, one entry a case. Built when it is first needed, because a page may have hundreds of thousands.
  function entries() {
    if (index) return index;
    const said = new Map();
    for (const row of document.querySelectorAll('.said tr[id^=d]')) {
      said.set(row.cells[0].firstChild.data.trim(), `${row.cells[1].textContent} ${row.cells[2].textContent}`);
    }
    index = [];
    for (const table of document.querySelectorAll('table.cases')) {
      const { target, interface: interfaceId } = table.dataset;
      for (const row of table.tBodies[0].rows) {
        const cell = row.cells[1];
        const details = cell.firstElementChild;
        const short = details && details.localName === 'details' ? details.firstElementChild.textContent : cell.textContent;
        const name = said.has(`${interfaceId}/${short}`) ? `${interfaceId}/${short}` : short;
        const message = details && details.localName === 'details' ? (details.querySelector('dd') || details).textContent : '';
        const words = `${name} ${target} ${row.className} ${said.get(name) || ''} ${message}`.toLowerCase();
        index.push({ row, name, target, outcome: row.className, glyph: row.cells[0].textContent, message, words });
      }
    }
    return index;
  }

  function search() {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const outcomes = new Set(chips.filter((chip) => chip.checked).map((chip) => chip.value));
    chosen = -1;
    query.removeAttribute('aria-activedescendant');
    results.replaceChildren();
    if (words.length === 0 && outcomes.size === 0) {
      hits = [];
      found.textContent = '';
      query.setAttribute('aria-expanded', 'false');
      return;
    }
    hits = entries().filter((entry) =>
      (outcomes.size === 0 || outcomes.has(entry.outcome)) && words.every((word) => entry.words.includes(word)));
    const more = hits.length > SHOWN ? `, the first ${SHOWN} are shown` : '';
    found.textContent = `${hits.length} of ${index.length} cases${more}`;
    hits.slice(0, SHOWN).forEach((hit, number) => {
      const item = document.createElement('li');
      item.id = `hit${number}`;
      item.className = hit.outcome;
      item.setAttribute('role', 'option');
      item.setAttribute('aria-selected', 'false');
      for (const text of [hit.glyph, hit.name, hit.target, hit.message.slice(0, 200)]) {
        const part = document.createElement('span');
        part.textContent = text;
        item.append(part);
      }
      item.addEventListener('click', () => go(hit.row.id));
      results.append(item);
    });
    query.setAttribute('aria-expanded', String(hits.length > 0));
  }

  function choose(step) {
    const items = results.children;
    if (items.length === 0) return;
    if (chosen >= 0) items[chosen].setAttribute('aria-selected', 'false');
    chosen = (chosen + step + items.length) % items.length;
    items[chosen].setAttribute('aria-selected', 'true');
    items[chosen].scrollIntoView({ block: 'nearest' });
    query.setAttribute('aria-activedescendant', items[chosen].id);
  }

  // Opens everything around an element, and the element's own evidence, and goes there.
  function show(id) {
    const element = id && byId(id);
    if (!element) return;
    for (let part = element; part; part = part.parentElement) {
      if (part.localName === 'details') part.open = true;
    }
    const evidence = element.querySelector(':scope > td > details');
    if (evidence) evidence.open = true;
    document.querySelectorAll('.here').forEach((part) => part.classList.remove('here'));
    element.classList.add('here');
    if (!element.hasAttribute('tabindex')) element.tabIndex = -1;
    element.focus({ preventScroll: true });
    // With its heading, so that it is clear whose it is.
    const table = element.matches('table.cases') && element.closest('details');
    (table || element).scrollIntoView({ block: element.localName === 'tr' ? 'center' : 'start' });
  }

  function go(id) {
    query.blur();
    clear();
    if (location.hash === `#${id}`) show(id);
    else location.hash = id;
  }

  function clear() {
    query.value = '';
    chips.forEach((chip) => { chip.checked = false; });
    search();
  }

  function cause(step) {
    const causes = [...document.querySelectorAll('.cause')];
    if (causes.length === 0) return;
    const at = causes.indexOf(document.activeElement.closest('.cause'));
    const next = at < 0 ? (step > 0 ? 0 : causes.length - 1) : (at + step + causes.length) % causes.length;
    show(causes[next].id);
  }

  query.addEventListener('input', search);
  chips.forEach((chip) => chip.addEventListener('change', search));
  query.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      choose(event.key === 'ArrowDown' ? 1 : chosen < 0 ? 0 : -1);
      event.preventDefault();
    } else if (event.key === 'Enter' && hits.length > 0) {
      go(hits[Math.max(chosen, 0)].row.id);
      event.preventDefault();
    }
  });
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape') {
      clear();
      query.blur();
    } else if (event.target === query) {
      return;
    } else if (event.key === '/') {
      query.focus();
      query.select();
      event.preventDefault();
    } else if (event.key === 'n') {
      cause(1);
    } else if (event.key === 'p') {
      cause(-1);
    } else if (event.key === 'm') {
      show('matrix');
    }
  });
  addEventListener('hashchange', () => show(location.hash.slice(1)));
  addEventListener('beforeprint', () => {
    document.querySelectorAll('.cause details').forEach((part) => { part.open = true; });
  });
  bar.hidden = false;
  show(location.hash.slice(1));
})();
