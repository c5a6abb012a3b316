/* The event log: what is new comes on top, or is counted while the reader is further down; older ones are added below.
   Everything can be read without this file. */
'use strict';
(() => {
  const $ = (selector) => document.querySelector(selector);
  const stream = $('#stream');
  const list = $('#events');
  if (!list) return;
  const pill = $('#ev-new');
  const fetchRows = async (parameters) => {
    const url = new URL(location.href);
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    const answer = await fetch(url, { headers: { 'HX-Request': 'true', 'HX-Request-Type': 'partial' }, signal: AbortSignal.timeout(20000) });
    if (!answer.ok) throw new Error(answer.status);
    const template = document.createElement('template');
    template.innerHTML = await answer.text();
    return { rows: [...template.content.querySelectorAll('.ev')], newest: answer.headers.get('x-newest'), more: answer.headers.get('x-more') === '1', content: template.content };
  };
  const MOST = 2000;
  let held = [];
  const put = () => {
    const fresh = held.filter((row) => !document.getElementById(row.id));
    held = [];
    list.prepend(...fresh);
    if (list.children.length > MOST) {
      while (list.children.length > MOST) list.lastElementChild.remove();
      const more = $('#ev-more');
      if (more) {
        const url = new URL(more.href);
        url.searchParams.set('before', list.lastElementChild.dataset.id);
        more.href = url;
      }
    }
    pill.hidden = true;
    if (fresh.length > 0) $('#ev-empty')?.remove();
  };
  let busy = false;
  let again = false;
  const news = async () => {
    if (list.dataset.live !== 'true') return;
    if (busy) { again = true; return; }
    busy = true;
    try {
      const { rows, newest, more } = await fetchRows({ after: list.dataset.newest });
      if (more) again = true;
      if (newest && newest !== '0') list.dataset.newest = newest;
      held = [...rows, ...held];
      if (held.length > MOST) return location.reload();
      if (held.length > 0) {
        if (scrollY < 120 && !list.querySelector('details[open]')) put();
        else {
          pill.hidden = false;
          pill.textContent = `${held.length} new`;
        }
      }
    } catch { setTimeout(news, 5000); }
    busy = false;
    if (again) { again = false; news(); }
  };
  stream?.addEventListener('events-new', news);
  stream?.addEventListener('list-changed', news);
  stream?.addEventListener('htmx:sse:after:connection', news);
  pill.addEventListener('click', () => { put(); scrollTo({ top: 0 }); });
  document.addEventListener('click', async (event) => {
    const more = event.target.closest('#ev-more');
    if (!more || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (more.ariaBusy === 'true') return;
    more.ariaBusy = 'true';
    try {
      const before = new URL(more.href).searchParams.get('before');
      const { rows, content } = await fetchRows({ before });
      list.append(...rows.filter((row) => !document.getElementById(row.id)));
      const next = content.querySelector('#ev-more');
      if (next) more.href = next.getAttribute('href'); else more.closest('.pager').remove();
      rows[0]?.querySelector('summary').focus({ preventScroll: true });
    } catch { location.assign(more.href); }
    more.ariaBusy = null;
  });
})();
